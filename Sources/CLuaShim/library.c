// The standard library scripts get: what cannot reach files, bytecode or the interpreter's inside,
// and with our own versions of what could hang or escape a limit.
#include <string.h>

#include "shim.h"

#define REP_BYTES (1 << 20)

// pcall with a handler called after the failure was unwound: the stock xpcall runs it inside the
// count hook's error, where no hook can stop it.
// Stack before the call: handler, function, arguments; after it: handler, results or the error.
static int finish_xpcall(lua_State *state, int status, lua_KContext unused) {
  (void)unused;
  bool succeeded = status == LUA_OK || status == LUA_YIELD;
  if (!succeeded) lua_call(state, 1, 1);
  lua_pushboolean(state, succeeded);
  lua_insert(state, 1);
  if (succeeded) lua_remove(state, 2);
  return lua_gettop(state);
}

static int safe_xpcall(lua_State *state) {
  luaL_checktype(state, 2, LUA_TFUNCTION);
  lua_pushvalue(state, 2);
  lua_insert(state, 1);
  lua_remove(state, 3);
  int arguments = lua_gettop(state) - 2;
  return finish_xpcall(
    state, lua_pcallk(state, arguments, LUA_MULTRET, 0, 0, finish_xpcall), 0);
}

// A finalizer written in Lua would run where no limit reaches it.
static int safe_setmetatable(lua_State *state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  int type = lua_type(state, 2);
  luaL_argexpected(state, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
  if (type == LUA_TTABLE) {
    lua_pushliteral(state, "__gc");
    if (lua_rawget(state, 2) != LUA_TNIL) {
      return luaL_error(state, "setmetatable: scripts have no __gc finalizers");
    }
    lua_pop(state, 1);
  }
  if (luaL_getmetafield(state, 1, "__metatable") != LUA_TNIL) {
    return luaL_error(state, "cannot change a protected metatable");
  }
  lua_settop(state, 2);
  lua_setmetatable(state, 1);
  return 1;
}

// load(text [, name, mode, environment]): bytecode can crash the interpreter, so text only.
static int safe_load(lua_State *state) {
  size_t count;
  luaL_checktype(state, 1, LUA_TSTRING);
  const char *text = lua_tolstring(state, 1, &count);
  bool environment = !lua_isnone(state, 4);
  if (luaL_loadbufferx(state, text, count, "@(load)", "t") != LUA_OK) {
    lua_pushnil(state);
    lua_insert(state, -2);
    return 2;
  }
  if (environment) {
    lua_pushvalue(state, 4);
    if (!lua_setupvalue(state, -2, 1)) lua_pop(state, 1);
  }
  return 1;
}

// The library's own function, run in this frame so that its messages name what the script called.
static int stock(lua_State *state) {
  return lua_tocfunction(state, lua_upvalueindex(1))(state);
}

static int safe_rep(lua_State *state) {
  size_t length, gap;
  luaL_checklstring(state, 1, &length);
  lua_Integer times = luaL_checkinteger(state, 2);
  luaL_optlstring(state, 3, "", &gap);
  if (length + gap == 0) {
    // The stock loop would still count to `times`, where no hook reaches it.
    lua_pushliteral(state, "");
    return 1;
  }
  if (times > 0 && (length > REP_BYTES || gap > REP_BYTES
                    || times > (lua_Integer)(REP_BYTES / (length + gap)))) {
    return luaL_error(state, "string.rep: the result would be longer than 1 MiB");
  }
  return stock(state);
}

// Whether the item that ends at `p` is repeated, and its length with the sign.
static bool repeats(const char *p, const char *end) {
  return p < end && (*p == '*' || *p == '+' || *p == '-');
}

// Where the item that begins at `p` ends; sets are one item.
static const char *item_end(const char *p, const char *end) {
  if (*p++ == '%') return p < end ? p + 1 : end;
  if (p[-1] != '[') return p;
  if (p < end && *p == '^') p++;
  // A ] at the very beginning stands for itself.
  do {
    if (p >= end) return end;
    if (*p++ == '%' && p < end) p++;
  } while (p < end && *p != ']');
  return p < end ? p + 1 : end;
}

// How many steps the stock matcher may take, which no hook can stop: with k repetitions that may have
// to give back what they took, all ways to cut n characters into k + 1 pieces, from every start.
static double pattern_steps(const char *p, size_t length, size_t subject) {
  const char *end = p + length;
  bool anchored = length > 0 && *p == '^';
  if (anchored) p++;
  int repetitions = 0, pending = 0;
  double choices = 1;
  while (p < end) {
    bool walks = *p == '%' && p + 1 < end && (p[1] == 'b' || (p[1] >= '1' && p[1] <= '9'));
    if (*p == '(' || *p == ')') {
      p++;
      continue;
    }
    // What follows may fail: the repetitions before it count.
    repetitions += pending + walks;
    pending = 0;
    const char *next = item_end(p, end);
    if (walks && p[1] == 'b') next = next + 2 < end ? next + 2 : end;
    p = next;
    if (repeats(p, end)) {
      pending = 1;
      p++;
    } else if (p < end && *p == '?') {
      choices *= 2;
      p++;
    }
  }
  // What stands for itself is compared quickly, but it too adds up.
  double steps = choices * (1 + (double)length / 32), n = (double)subject;
  int pieces = repetitions + !anchored;
  for (int i = 1; i <= pieces; i++) steps *= (n + i) / i;
  return steps;
}

#define PATTERN_STEPS 3e8

static int safe_pattern_function(lua_State *state) {
  size_t subject, length;
  luaL_checklstring(state, 1, &subject);
  const char *pattern = luaL_checklstring(state, 2, &length);
  bool plain = lua_toboolean(state, 4) && strcmp(lua_tostring(state, lua_upvalueindex(2)), "find") == 0;
  double steps =
    plain ? (double)subject * length / 64 : pattern_steps(pattern, length, subject);
  if (steps > PATTERN_STEPS) {
    return luaL_error(
      state, "string.%s: this pattern may take too long on %d bytes: use fewer repetitions or a"
      " shorter text", lua_tostring(state, lua_upvalueindex(2)), (int)subject);
  }
  return stock(state);
}

// The most items that a C loop may go over: no hook stops it.
#define RANGE_ITEMS 10000000

// A faked length, or a range of items that are not there, would keep these C loops going for years.
static int safe_table_function(lua_State *state) {
  int arguments = lua_gettop(state);
  const char *name = lua_tostring(state, lua_upvalueindex(2));
  int first = strcmp(name, "concat") == 0 ? 3 : strcmp(name, "insert") == 0 ? 0 : 2;
  if (first && lua_isinteger(state, first + 1)) {
    lua_Integer from = lua_isinteger(state, first) ? lua_tointeger(state, first) : 1;
    lua_Integer to = lua_tointeger(state, first + 1);
    if (to > from && (lua_Unsigned)to - (lua_Unsigned)from > RANGE_ITEMS) {
      return luaL_error(state, "table.%s: the range has more than 10 million items", name);
    }
  }
  if (luaL_getmetafield(state, 1, "__len") != LUA_TNIL) {
    return luaL_error(state, "table functions take no table with a '__len' of its own");
  }
  lua_pop(state, lua_gettop(state) - arguments);
  return stock(state);
}

// Seeding from the clock would make runs differ.
static int safe_randomseed(lua_State *state) {
  luaL_checknumber(state, 1);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, lua_gettop(state) - 1, 0);
  return 0;
}

// Calls receiver:NAME(others...) on the stack's top values.
static void call_method(lua_State *state, int others) {
  int receiver = lua_gettop(state) - others;
  lua_getfield(state, receiver, lua_tostring(state, lua_upvalueindex(2)));
  lua_insert(state, receiver);
  lua_call(state, 1 + others, 1);
}

// math.NAME(x) is x:NAME() where x is a host object, so formulas read the same for numbers.
static int open_math_function(lua_State *state) {
  int count = lua_gettop(state);
  int first = 0;
  for (int i = 1; i <= count && !first; i++) {
    if (nl_get_object(state, i, NULL)) first = i;
  }
  if (!first) return stock(state);
  lua_pushvalue(state, first);
  if (count == 1) {
    call_method(state, 0);
    return 1;
  }
  // max and min commute, so the object may receive the numbers on either side of it.
  for (int i = 1; i <= count; i++) {
    if (i == first) continue;
    lua_pushvalue(state, i);
    call_method(state, 1);
  }
  return 1;
}

// Replaces library[name] by `function` with the stock one as first upvalue and the name as second.
static void wrap(lua_State *state, const char *library, const char *name, lua_CFunction function) {
  lua_getglobal(state, library);
  lua_getfield(state, -1, name);
  lua_pushstring(state, name);
  lua_pushcclosure(state, function, 2);
  lua_setfield(state, -2, name);
  lua_pop(state, 1);
}

static void remove_names(lua_State *state, const char *library, const char *const *names) {
  lua_getglobal(state, library);
  for (; *names; names++) {
    lua_pushnil(state);
    lua_setfield(state, -2, *names);
  }
  lua_pop(state, 1);
}

void nl_open_library(lua_State *state, uint64_t random_seed) {
  static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},          {LUA_TABLIBNAME, luaopen_table},
    {LUA_STRLIBNAME, luaopen_string},   {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},    {LUA_COLIBNAME, luaopen_coroutine},
    {NULL, NULL},
  };
  for (const luaL_Reg *library = libraries; library->func; library++) {
    luaL_requiref(state, library->name, library->func, 1);
    lua_pop(state, 1);
  }
  static const char *const base[] = {"dofile", "loadfile", "collectgarbage", "warn", "print", NULL};
  static const char *const string[] = {"dump", NULL};
  static const char *const table[] = {"move", NULL};
  remove_names(state, LUA_GNAME, base);
  remove_names(state, LUA_STRLIBNAME, string);
  remove_names(state, LUA_TABLIBNAME, table);
  lua_register(state, "xpcall", safe_xpcall);
  lua_register(state, "setmetatable", safe_setmetatable);
  lua_register(state, "load", safe_load);
  wrap(state, LUA_STRLIBNAME, "rep", safe_rep);
  static const char *const matching[] = {"find", "match", "gmatch", "gsub", NULL};
  for (const char *const *name = matching; *name; name++) {
    wrap(state, LUA_STRLIBNAME, *name, safe_pattern_function);
  }
  static const char *const counted[] = {"insert", "remove", "concat", "unpack", "sort", NULL};
  for (const char *const *name = counted; *name; name++) {
    wrap(state, LUA_TABLIBNAME, *name, safe_table_function);
  }
  static const char *const open[] = {"sqrt", "exp", "log", "abs", "max", "min", NULL};
  for (const char *const *name = open; *name; name++) {
    wrap(state, LUA_MATHLIBNAME, *name, open_math_function);
  }
  lua_getglobal(state, LUA_MATHLIBNAME);
  lua_getfield(state, -1, "randomseed");
  lua_pushinteger(state, (lua_Integer)random_seed);
  lua_call(state, 1, 0);
  lua_pop(state, 1);
  wrap(state, LUA_MATHLIBNAME, "randomseed", safe_randomseed);
  // The metatable every string shares.
  lua_pushliteral(state, "");
  lua_getmetatable(state, -1);
  lua_pushboolean(state, false);
  lua_setfield(state, -2, "__metatable");
  lua_pop(state, 2);
}
