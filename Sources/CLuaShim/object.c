// Host objects: userdata of {pointer, bytes, type}, checked by the identity of their metatable.
#include "shim.h"

typedef struct {
  void *object;
  size_t byte_count;
  int32_t type;
} host_object;

// Small objects are charged together once they amount to this much.
#define CHARGE_BYTES (64 * 1024)

static void push_metatable(lua_State *state, int32_t type) {
  lua_rawgetp(state, LUA_REGISTRYINDEX, &nl_context_of(state)->metatables[type]);
}

void *nl_get_object(nl_state *state, int32_t index, int32_t *type) {
  if (lua_type(state, index) != LUA_TUSERDATA) return NULL;
  if (lua_rawlen(state, index) != sizeof(host_object) || !lua_getmetatable(state, index)) {
    return NULL;
  }
  const void *metatable = lua_topointer(state, -1);
  lua_pop(state, 1);
  host_object *box = lua_touserdata(state, index);
  nl_context *c = nl_context_of(state);
  if (box->type < 0 || box->type >= c->type_count || c->metatables[box->type] != metatable) {
    return NULL;
  }
  if (type) *type = box->type;
  return box->object;
}

static int collect(lua_State *state) {
  host_object *box = lua_touserdata(state, 1);
  void *object = box->object;
  box->object = NULL;
  if (object) {
    nl_context *c = nl_context_of(state);
    // Only the allocator's mode changes: a collection is no host call that resets the limits.
    bool before = c->in_host;
    c->in_host = true;
    c->object_bytes -= box->byte_count;
    c->release(object);
    c->in_host = before;
  }
  return 0;
}

static int same_object(lua_State *state) {
  void *a = nl_get_object(state, 1, NULL);
  lua_pushboolean(state, a && a == nl_get_object(state, 2, NULL));
  return 1;
}

// Upvalues: the selector for other names, the methods.
static int index_object(lua_State *state) {
  lua_pushvalue(state, 2);
  if (lua_rawget(state, lua_upvalueindex(2)) != LUA_TNIL) return 1;
  lua_pop(state, 1);
  return nl_trampoline(state);
}

int32_t nl_new_type(nl_state *state, const char *name, int32_t index) {
  nl_context *c = nl_context_of(state);
  if (c->type_count == NL_MAX_TYPES || !lua_checkstack(state, 8)) return -1;
  int32_t type = c->type_count++;
  lua_createtable(state, 0, 12);
  c->metatables[type] = lua_topointer(state, -1);
  lua_pushvalue(state, -1);
  lua_rawsetp(state, LUA_REGISTRYINDEX, &c->metatables[type]);
  lua_pushstring(state, name);
  nl_set_field(state, -2, "__name");
  lua_pushboolean(state, false);
  nl_set_field(state, -2, "__metatable");
  lua_pushcfunction(state, collect);
  nl_set_field(state, -2, "__gc");
  lua_pushcfunction(state, same_object);
  nl_set_field(state, -2, "__eq");
  lua_pushinteger(state, index);
  lua_newtable(state);
  lua_pushvalue(state, -1);
  lua_rawsetp(state, LUA_REGISTRYINDEX, (const char *)&c->metatables[type] + 1);
  lua_pushcclosure(state, index_object, 2);
  nl_set_field(state, -2, "__index");
  lua_pop(state, 1);
  return type;
}

void nl_type_method(nl_state *state, int32_t type, const char *name, int32_t selector) {
  lua_rawgetp(
    state, LUA_REGISTRYINDEX, (const char *)&nl_context_of(state)->metatables[type] + 1);
  nl_push_function(state, selector);
  nl_set_field(state, -2, name);
  lua_pop(state, 1);
}

void nl_type_metamethod(nl_state *state, int32_t type, const char *name, int32_t selector) {
  push_metatable(state, type);
  nl_push_function(state, selector);
  nl_set_field(state, -2, name);
  lua_pop(state, 1);
}

void nl_push_object(nl_state *state, int32_t type, void *object, size_t byte_count) {
  nl_context *c = nl_context_of(state);
  host_object *box = lua_newuserdatauv(state, sizeof(host_object), 0);
  box->object = object;
  box->type = type;
  box->byte_count = byte_count;
  push_metatable(state, type);
  lua_setmetatable(state, -2);
  // Lua sees a few bytes; without this it would let gigabytes of tensors wait for collection.
  c->object_bytes += byte_count;
  c->uncharged_bytes += byte_count;
  if (c->uncharged_bytes >= CHARGE_BYTES) {
    size_t kilobytes = c->uncharged_bytes / 1024;
    c->uncharged_bytes = 0;
    lua_gc(state, LUA_GCSTEP, kilobytes < (1 << 20) ? (int)kilobytes : 1 << 20);
  }
}
