// Scalars, raw tables and registry references: nothing here can raise in host mode, where the
// allocator never fails.
#include "shim.h"

bool nl_reserve(nl_state *state, int32_t slots) { return lua_checkstack(state, slots); }
int32_t nl_top(nl_state *state) { return lua_gettop(state); }
void nl_set_top(nl_state *state, int32_t top) { lua_settop(state, top); }
void nl_push_copy(nl_state *state, int32_t index) { lua_pushvalue(state, index); }

int32_t nl_type(nl_state *state, int32_t index) {
  switch (lua_type(state, index)) {
    case LUA_TNONE:
    case LUA_TNIL: return NL_NIL;
    case LUA_TBOOLEAN: return NL_BOOL;
    case LUA_TNUMBER: return lua_isinteger(state, index) ? NL_INT : NL_NUMBER;
    case LUA_TSTRING: return NL_STRING;
    case LUA_TTABLE: return NL_TABLE;
    case LUA_TFUNCTION: return NL_FUNCTION;
    case LUA_TUSERDATA: return nl_get_object(state, index, NULL) ? NL_OBJECT : NL_OTHER;
    default: return NL_OTHER;
  }
}

void nl_push_nil(nl_state *state) { lua_pushnil(state); }
void nl_push_bool(nl_state *state, bool value) { lua_pushboolean(state, value); }
void nl_push_int(nl_state *state, int64_t value) { lua_pushinteger(state, value); }
void nl_push_number(nl_state *state, double value) { lua_pushnumber(state, value); }
void nl_push_string(nl_state *state, const void *bytes, size_t count) {
  lua_pushlstring(state, bytes, count);
}
void nl_push_function(nl_state *state, int32_t selector) {
  lua_pushinteger(state, selector);
  lua_pushcclosure(state, nl_trampoline, 1);
}

bool nl_get_bool(nl_state *state, int32_t index) { return lua_toboolean(state, index); }
int64_t nl_get_int(nl_state *state, int32_t index) { return lua_tointeger(state, index); }
double nl_get_number(nl_state *state, int32_t index) { return lua_tonumber(state, index); }
const char *nl_get_string(nl_state *state, int32_t index, size_t *count) {
  // lua_tolstring would turn a number into a string in place, which confuses iteration.
  if (lua_type(state, index) != LUA_TSTRING) return NULL;
  return lua_tolstring(state, index, count);
}

void nl_new_table(nl_state *state, int32_t items, int32_t fields) {
  lua_createtable(state, items, fields);
}
int64_t nl_raw_count(nl_state *state, int32_t index) { return (int64_t)lua_rawlen(state, index); }
void nl_get_item(nl_state *state, int32_t index, int64_t key) { lua_rawgeti(state, index, key); }
void nl_set_item(nl_state *state, int32_t index, int64_t key) { lua_rawseti(state, index, key); }

void nl_get_field(nl_state *state, int32_t index, const char *key) {
  index = lua_absindex(state, index);
  lua_pushstring(state, key);
  lua_rawget(state, index);
}

void nl_set_field(nl_state *state, int32_t index, const char *key) {
  index = lua_absindex(state, index);
  lua_pushstring(state, key);
  lua_insert(state, -2);
  lua_rawset(state, index);
}

bool nl_next(nl_state *state, int32_t index) { return lua_next(state, index); }
void nl_push_globals(nl_state *state) { lua_pushglobaltable(state); }

void nl_make_namespace(nl_state *state, int32_t index, int32_t call, int32_t missing) {
  index = lua_absindex(state, index);
  lua_createtable(state, 0, 3);
  if (call >= 0) {
    nl_push_function(state, call);
    nl_set_field(state, -2, "__call");
  }
  if (missing >= 0) {
    nl_push_function(state, missing);
    nl_set_field(state, -2, "__index");
  }
  lua_pushboolean(state, false);
  nl_set_field(state, -2, "__metatable");
  lua_setmetatable(state, index);
}

int32_t nl_ref(nl_state *state) { return luaL_ref(state, LUA_REGISTRYINDEX); }
void nl_push_ref(nl_state *state, int32_t ref) { lua_rawgeti(state, LUA_REGISTRYINDEX, ref); }
void nl_unref(nl_state *state, int32_t ref) { luaL_unref(state, LUA_REGISTRYINDEX, ref); }
