// Life of an interpreter, its allocator and its limits.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shim.h"

#define HOOK_INSTRUCTIONS 1000
#define RESERVE_BYTES (1 << 20)

nl_flag *nl_flag_new(void) { return calloc(1, sizeof(nl_flag)); }
void nl_flag_free(nl_flag *flag) { free(flag); }
void nl_flag_set(nl_flag *flag, bool value) {
  if (flag) atomic_store(&flag->value, value);
}
bool nl_flag_get(const nl_flag *flag) { return flag && atomic_load(&flag->value); }

// Refuses only while script code runs: there Lua's own error unwinds nothing but C and Lua.
static void *allocate(void *user, void *block, size_t old_size, size_t new_size) {
  nl_context *c = user;
  if (!block) old_size = 0;
  if (new_size == 0) {
    free(block);
    c->used -= old_size;
    return NULL;
  }
  size_t used = c->used - old_size + new_size;
  bool grows = new_size > old_size;
  if (grows && !c->in_host && c->limits.memory_bytes && used > c->limits.memory_bytes) return NULL;
  void *moved = realloc(block, new_size);
  if (!moved && c->in_host && c->reserve) {
    free(c->reserve);
    c->reserve = NULL;
    moved = realloc(block, new_size);
  }
  if (!moved && c->in_host && c->main) {
    // The machine itself has no memory left; Swift's own allocator ends the process here as well.
    fputs("norma: out of memory\n", stderr);
    abort();
  }
  if (moved) c->used = used;
  return moved;
}

// An error outside any protected call would be a defect of this shim.
static int panic(lua_State *state) {
  const char *message = lua_tostring(state, -1);
  fprintf(stderr, "norma: defect: unprotected Lua error: %s\n", message ? message : "?");
  return 0;
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool nl_enter(nl_context *c, bool host) {
  bool before = c->in_host;
  if (before == host) return before;
  c->in_host = host;
  c->instructions = 0;
  if (c->limits.nanoseconds) {
    uint64_t t = now();
    if (host) c->script_nanoseconds += t - c->script_since;
    c->script_since = t;
  }
  return before;
}

void nl_install_hook(lua_State *state, int count) {
  lua_sethook(state, nl_hook, LUA_MASKCOUNT, count);
}

void nl_hook(lua_State *state, lua_Debug *record) {
  (void)record;
  nl_context *c = nl_context_of(state);
  c->instructions += HOOK_INSTRUCTIONS;
  if (c->stop_reason == NL_RUNNING) {
    if (nl_flag_get(c->flag)) {
      c->stop_reason = NL_INTERRUPTED;
    } else if (c->limits.instructions && c->instructions > c->limits.instructions) {
      c->stop_reason = NL_INSTRUCTIONS;
    } else if (c->limits.nanoseconds
               && c->script_nanoseconds + (now() - c->script_since) > c->limits.nanoseconds) {
      c->stop_reason = NL_TIME;
    } else {
      return;
    }
  }
  // From here on every instruction stops again, so that pcall in a loop cannot go on.
  nl_install_hook(state, 1);
  nl_install_hook(c->main, 1);
  luaL_error(state, "stopped");
}

nl_context *nl_open(
  nl_limits limits, nl_flag *flag, nl_host_function host, nl_release_function release, void *user,
  uint64_t random_seed) {
  nl_context *c = calloc(1, sizeof(nl_context));
  if (!c) return NULL;
  c->limits = limits;
  c->flag = flag;
  c->host = host;
  c->release = release;
  c->user = user;
  c->in_host = true;
  c->reserve = malloc(RESERVE_BYTES);
  lua_State *state = lua_newstate(allocate, c);
  if (!state) {
    free(c->reserve);
    free(c);
    return NULL;
  }
  c->main = state;
  *(nl_context **)lua_getextraspace(state) = c;
  lua_atpanic(state, panic);
  nl_open_library(state, random_seed);
  nl_install_hook(state, HOOK_INSTRUCTIONS);
  return c;
}

void nl_close(nl_context *c) {
  if (!c) return;
  lua_sethook(c->main, NULL, 0, 0);
  lua_close(c->main);
  free(c->reserve);
  free(c);
}

nl_state *nl_main_state(nl_context *c) { return c->main; }
size_t nl_memory_used(const nl_context *c) { return c->used; }
int32_t nl_stop_reason(const nl_context *c) { return c->stop_reason; }

void nl_reset_stop(nl_context *c) {
  c->stop_reason = NL_RUNNING;
  c->instructions = 0;
  c->script_nanoseconds = 0;
  nl_install_hook(c->main, HOOK_INSTRUCTIONS);
}

void nl_collect(nl_context *c) { lua_gc(c->main, LUA_GCCOLLECT, 0); }
