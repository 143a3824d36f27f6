// Calls in both directions, and where in a script they happen.
#include <stdio.h>
#include <string.h>

#include "shim.h"

// The one C function behind every host function. No Swift frame is left when it raises.
int nl_trampoline(lua_State *state) {
  nl_context *c = nl_context_of(state);
  int32_t selector = (int32_t)lua_tointeger(state, lua_upvalueindex(1));
  bool before = nl_enter(c, true);
  int32_t results = c->host(state, selector, c->user);
  if (c->limits.memory_bytes && c->used + c->object_bytes > c->limits.memory_bytes) {
    lua_gc(state, LUA_GCCOLLECT, 0);
    if (c->used + c->object_bytes > c->limits.memory_bytes && results >= 0) {
      lua_pushliteral(state, "not enough memory");
      results = -1;
    }
  }
  nl_enter(c, before);
  if (results < 0) return lua_error(state);
  return results;
}

static bool place_in(lua_State *state, const char **source, size_t *count, int32_t *line) {
  lua_Debug record;
  for (int level = 0; lua_getstack(state, level, &record); level++) {
    lua_getinfo(state, "Sl", &record);
    if (record.currentline > 0) {
      *source = record.source;
      *count = record.srclen;
      *line = record.currentline;
      return true;
    }
  }
  return false;
}

bool nl_place(nl_state *state, const char **source, size_t *count, int32_t *line) {
  // A coroutine made of a host function has no script frame of its own; its resumer has.
  return place_in(state, source, count, line)
    || place_in(nl_context_of(state)->main, source, count, line);
}

bool nl_failure_place(nl_context *c, const char **source, size_t *count, int32_t *line) {
  if (c->failure_line <= 0) return false;
  *source = c->failure_source;
  *count = strlen(c->failure_source);
  *line = c->failure_line;
  return true;
}

const char *nl_traceback(nl_context *c) { return c->trace; }

// Runs at the point of failure, with the stack still there; leaves the error value as it is.
static int record_failure(lua_State *state) {
  nl_context *c = nl_context_of(state);
  const char *source;
  size_t count;
  int32_t line;
  if (nl_place(state, &source, &count, &line)) {
    size_t kept = count < NL_SOURCE_BYTES ? count : NL_SOURCE_BYTES - 1;
    memcpy(c->failure_source, source, kept);
    c->failure_source[kept] = 0;
    c->failure_line = line;
  }
  luaL_traceback(state, state, NULL, 1);
  snprintf(c->trace, NL_TRACE_BYTES, "%s", lua_tostring(state, -1));
  lua_pop(state, 1);
  return 1;
}

static int32_t status_of(int status) {
  switch (status) {
    case LUA_OK: return NL_OK;
    case LUA_ERRSYNTAX: return NL_SYNTAX;
    case LUA_ERRMEM: return NL_MEMORY;
    default: return NL_FAILED;
  }
}

int32_t nl_load(nl_state *state, const char *text, size_t count, const char *chunk_name) {
  nl_context *c = nl_context_of(state);
  // lua_load protects itself, so the memory limit may bind.
  bool before = nl_enter(c, false);
  int status = luaL_loadbufferx(state, text, count, chunk_name, "t");
  nl_enter(c, before);
  return status_of(status);
}

int32_t nl_call(nl_state *state, int32_t arguments, int32_t results) {
  nl_context *c = nl_context_of(state);
  int handler = lua_gettop(state) - arguments;
  lua_pushcfunction(state, record_failure);
  lua_insert(state, handler);
  c->failure_line = 0;
  c->trace[0] = 0;
  bool before = nl_enter(c, false);
  int status = lua_pcall(state, arguments, results < 0 ? LUA_MULTRET : results, handler);
  nl_enter(c, before);
  lua_remove(state, handler);
  return status_of(status);
}

static int describe_value(lua_State *state) {
  luaL_tolstring(state, 1, NULL);
  return 1;
}

int32_t nl_describe(nl_state *state, int32_t index) {
  index = lua_absindex(state, index);
  lua_pushcfunction(state, describe_value);
  lua_pushvalue(state, index);
  return nl_call(state, 1, 1);
}

bool nl_function_place(
  nl_state *state, int32_t index, const char **source, size_t *count, int32_t *line) {
  lua_Debug record;
  lua_pushvalue(state, index);
  lua_getinfo(state, ">S", &record);
  *source = record.source;
  *count = record.srclen;
  *line = record.linedefined;
  return *record.what != 'C';
}

const char *nl_captured(nl_state *state, int32_t index, int32_t n) {
  return lua_getupvalue(state, index, n);
}
