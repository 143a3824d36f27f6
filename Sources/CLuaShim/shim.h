// Shared by the C files of the shim; Swift never sees it.
#ifndef NORMA_SHIM_H
#define NORMA_SHIM_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdatomic.h>

#include "CLuaShim.h"

#define NL_MAX_TYPES 256
#define NL_TRACE_BYTES 4096
#define NL_SOURCE_BYTES 512

struct nl_flag {
  atomic_bool value;
};

struct nl_context {
  lua_State *main;
  nl_host_function host;
  nl_release_function release;
  void *user;
  nl_flag *flag;
  nl_limits limits;
  // True while host code runs: then no allocation may fail, for its longjmp would cross Swift.
  bool in_host;
  size_t used;
  void *reserve;
  uint64_t instructions;
  uint64_t script_nanoseconds;
  uint64_t script_since;
  int32_t stop_reason;
  size_t uncharged_bytes;
  // What lies behind the host objects that live.
  size_t object_bytes;
  int32_t type_count;
  const void *metatables[NL_MAX_TYPES];
  int32_t failure_line;
  char failure_source[NL_SOURCE_BYTES];
  char trace[NL_TRACE_BYTES];
};

static inline nl_context *nl_context_of(lua_State *state) {
  return *(nl_context **)lua_getextraspace(state);
}

// Switches between host and script; returns what was before, to be restored.
bool nl_enter(nl_context *context, bool host);
int nl_trampoline(lua_State *state);
void nl_hook(lua_State *state, lua_Debug *record);
void nl_install_hook(lua_State *state, int count);
void nl_open_library(lua_State *state, uint64_t random_seed);

#endif
