// The Lua interpreter as Swift may see it: an opaque state and functions that cannot jump.
//
// Lua raises errors with longjmp, which must never cross a Swift frame. So: every function here
// either cannot raise, or runs Lua inside a protected call; a host function written in Swift
// returns -1 with the error on the stack, and C raises it after the Swift frame is gone.
#ifndef NORMA_CLUASHIM_H
#define NORMA_CLUASHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct lua_State nl_state;
typedef struct nl_context nl_context;
typedef struct nl_flag nl_flag;

// A host function: takes its arguments from `state`, returns how many results it pushed, or -1 with
// the error value on top.
typedef int32_t (*nl_host_function)(nl_state *state, int32_t selector, void *user);
// Gives back one retained host object.
typedef void (*nl_release_function)(void *object);

// What a script may use; 0 is no limit.
typedef struct {
  size_t memory_bytes;     // live bytes of the Lua heap, while script code runs
  uint64_t instructions;   // without calling the host
  uint64_t nanoseconds;    // of script time; time inside host functions does not count
} nl_limits;

// Kinds of value.
#define NL_NIL 0
#define NL_BOOL 1
#define NL_INT 2
#define NL_NUMBER 3
#define NL_STRING 4
#define NL_TABLE 5
#define NL_FUNCTION 6
#define NL_OBJECT 7
#define NL_OTHER 8
// How a protected call ended.
#define NL_OK 0
#define NL_FAILED 1
#define NL_SYNTAX 2
#define NL_MEMORY 3
// Why a script was stopped.
#define NL_RUNNING 0
#define NL_INTERRUPTED 1
#define NL_INSTRUCTIONS 2
#define NL_TIME 3

// ---- life ----
nl_flag *nl_flag_new(void);
void nl_flag_free(nl_flag *flag);
void nl_flag_set(nl_flag *flag, bool value);
bool nl_flag_get(const nl_flag *flag);

// `flag` must outlive the context. NULL when memory is short.
nl_context *nl_open(
  nl_limits limits, nl_flag *flag, nl_host_function host, nl_release_function release, void *user,
  uint64_t random_seed);
void nl_close(nl_context *context);
nl_state *nl_main_state(nl_context *context);
size_t nl_memory_used(const nl_context *context);
// Why the running script was stopped (NL_RUNNING when it was not); and forgetting it.
int32_t nl_stop_reason(const nl_context *context);
void nl_reset_stop(nl_context *context);
void nl_collect(nl_context *context);

// ---- stack ----
bool nl_reserve(nl_state *state, int32_t slots);
int32_t nl_top(nl_state *state);
void nl_set_top(nl_state *state, int32_t top);
int32_t nl_type(nl_state *state, int32_t index);
void nl_push_copy(nl_state *state, int32_t index);

// ---- scalars ----
void nl_push_nil(nl_state *state);
void nl_push_bool(nl_state *state, bool value);
void nl_push_int(nl_state *state, int64_t value);
void nl_push_number(nl_state *state, double value);
void nl_push_string(nl_state *state, const void *bytes, size_t count);
void nl_push_function(nl_state *state, int32_t selector);
bool nl_get_bool(nl_state *state, int32_t index);
int64_t nl_get_int(nl_state *state, int32_t index);
double nl_get_number(nl_state *state, int32_t index);
// The bytes of a string value; valid while it is on the stack. NULL when it is no string.
const char *nl_get_string(nl_state *state, int32_t index, size_t *count);

// ---- tables, raw: no metamethod runs ----
void nl_new_table(nl_state *state, int32_t items, int32_t fields);
int64_t nl_raw_count(nl_state *state, int32_t index);
void nl_get_item(nl_state *state, int32_t index, int64_t key);
void nl_set_item(nl_state *state, int32_t index, int64_t key);
void nl_get_field(nl_state *state, int32_t index, const char *key);
void nl_set_field(nl_state *state, int32_t index, const char *key);
// Replaces the key on top by the next key and its value; false (nothing pushed) at the end. The
// table must not gain keys meanwhile.
bool nl_next(nl_state *state, int32_t index);
void nl_push_globals(nl_state *state);

// Makes the table at `index` callable (selector `call`; it receives the table first) and answer for
// absent names (selector `missing`); -1 for neither.
void nl_make_namespace(nl_state *state, int32_t index, int32_t call, int32_t missing);

// ---- registry ----
int32_t nl_ref(nl_state *state);
void nl_push_ref(nl_state *state, int32_t ref);
void nl_unref(nl_state *state, int32_t ref);

// ---- calls; on failure the error value is left on top ----
int32_t nl_load(nl_state *state, const char *text, size_t count, const char *chunk_name);
int32_t nl_call(nl_state *state, int32_t arguments, int32_t results);
// Pushes tostring(value) with metamethods; always a string when NL_OK.
int32_t nl_describe(nl_state *state, int32_t index);
// The traceback written when the last protected call failed.
const char *nl_traceback(nl_context *context);
// The line being run in the innermost script function: its chunk name (with the leading '@' or
// '='), and the line; false outside a script.
bool nl_place(nl_state *state, const char **source, size_t *count, int32_t *line);
// The place recorded when the last protected call failed.
bool nl_failure_place(nl_context *context, const char **source, size_t *count, int32_t *line);

// Where the function at `index` was written: its chunk's name (with the leading '@' or '=') and first
// line; false for a function of the host.
bool nl_function_place(
  nl_state *state, int32_t index, const char **source, size_t *count, int32_t *line);
// Pushes the value of the nth variable (from 1) that the function at `index` captured, and returns
// its name; NULL, having pushed nothing, when there are fewer.
const char *nl_captured(nl_state *state, int32_t index, int32_t n);

// ---- host objects ----
// Makes a type; -1 when there are too many. `index` is the selector called for a name that is no
// method.
int32_t nl_new_type(nl_state *state, const char *name, int32_t index);
void nl_type_method(nl_state *state, int32_t type, const char *name, int32_t selector);
void nl_type_metamethod(nl_state *state, int32_t type, const char *name, int32_t selector);
// Pushes an object that owns one retain of `object`; `byte_count` is told to Lua's collector.
void nl_push_object(nl_state *state, int32_t type, void *object, size_t byte_count);
// The object, or NULL when the value is none (or was released); `type` may be NULL.
void *nl_get_object(nl_state *state, int32_t index, int32_t *type);

#endif
