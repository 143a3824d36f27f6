/*
 * norma_plugin.h: the Norma plugin interface, version 1.0.
 *
 * A plugin is a shared library that exports one function, `norma_plugin_entry_v1`. It compiles
 * against this file and nothing else, and links against nothing of Norma's. C11 and C++17.
 *
 * Rules
 *  - Little-endian 64-bit machines. Fixed-width integers, float, double and pointers only.
 *  - Text is UTF-8 with a length; it need not end in a zero byte.
 *  - Structs start with `struct_size` (sizeof in the header the writer was compiled against) and
 *    `flags`, and only ever grow at their end. norma_string and norma_value are plain values that
 *    never change. A reader takes the bytes both sides know and treats the rest as zero. Whoever
 *    fills a struct zeroes it first, padding and `reserved` fields included.
 *  - Arrays of structs have a stride of their first element's `struct_size`.
 *  - In argument structs, bytes beyond those a plugin knows carry meaning it would drop: when they
 *    are not zero it returns NORMA_UNSUPPORTED (see norma_tail_is_zero).
 *  - The host owns all memory of tensors, state, saved values and scratch. The plugin owns its
 *    instances and its descriptors; descriptors stay valid, unchanged, for the process. A library is
 *    never unloaded. Pointers in argument structs are valid until the call returns.
 *  - The same call gives the same bits, whatever the number of threads. The host never passes an
 *    output that overlaps an input.
 *  - A plugin starts no threads and leaves signals, locale, working directory, environment,
 *    floating-point control and standard output alone. No C++ exception, Rust panic or longjmp leaves it.
 *
 * Threads, named in brackets at every function:
 *  [load]    one call at a time, while the library is loaded
 *  [any]     any thread, one call at a time for an instance
 *  [shared]  any thread, several at once for one instance, each with memory of its own
 */
#ifndef NORMA_PLUGIN_H
#define NORMA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. Another major is another interface; minors only append. */
#define NORMA_ABI_MAJOR 1u
#define NORMA_ABI_MINOR 0u

/* Every function that can fail returns one of these; other values count as NORMA_ERROR. */
#define NORMA_OK 0
#define NORMA_ERROR 1         /* a failure that fits nothing below */
#define NORMA_INVALID 2       /* an argument is wrong; name it in norma_error */
#define NORMA_UNSUPPORTED 3   /* right, but not offered by this plugin */
#define NORMA_NOT_FOUND 4     /* no such index or name */
#define NORMA_OUT_OF_MEMORY 5
#define NORMA_CANCELLED 6     /* host->is_cancelled said so */

/* ---- Values ---------------------------------------------------------------------------------- */

/* Text; `data` may be NULL when `length` is 0. */
typedef struct norma_string {
  const char *data;
  uint64_t length;
} norma_string;

/* Initialises a norma_string from a string literal. */
#define NORMA_TEXT(literal) { literal, sizeof(literal) - 1 }

/* Types of hyper-parameters and of their values. */
#define NORMA_NONE 0u      /* not given; only for optional hyper-parameters */
#define NORMA_F64 1u       /* `real` */
#define NORMA_I64 2u       /* `integer` */
#define NORMA_BOOL 3u      /* `integer`: 0 or 1 */
#define NORMA_CHOICE 4u    /* `text`, and `integer`: its index among the choices */
#define NORMA_STRING 5u    /* `text` */
#define NORMA_I64_LIST 6u  /* `list` and `count` */

/* The value of a hyper-parameter; fields its kind does not use are zero. */
typedef struct norma_value {
  uint32_t kind;
  uint32_t count;
  int64_t integer;
  double real;
  norma_string text;
  const int64_t *list;
} norma_value;

/* What an error is about. */
#define NORMA_ABOUT_NOTHING 0u
#define NORMA_ABOUT_HYPER 1u     /* `index`: the hyper-parameter, in descriptor order */
#define NORMA_ABOUT_INPUT 2u     /* `index`: the input tensor, 0 for x */
#define NORMA_ABOUT_STATE 3u     /* `index`: the parameter or buffer, in descriptor order */
#define NORMA_ABOUT_OUTPUT 4u    /* the output or its gradient */

/*
 * The details of a failure. The caller owns it and the message buffer; the callee fills it when it
 * returns anything but NORMA_OK. Any function may be given NULL instead, and a buffer of 0 bytes.
 */
typedef struct norma_error {
  uint32_t struct_size;
  uint32_t flags;             /* 0 */
  uint32_t about;             /* NORMA_ABOUT_... */
  uint32_t index;
  char *message;              /* one sentence, UTF-8, no final zero needed */
  uint64_t message_capacity;  /* set by the caller */
  uint64_t message_length;    /* set by the callee, at most the capacity */
} norma_error;

/* ---- Tensors --------------------------------------------------------------------------------- */

#define NORMA_MAX_RANK 8u
#define NORMA_FLOAT32 1u

/* The part an axis plays; also bits, for what a state or an input varies along. */
#define NORMA_ROLE_BATCH 1u
#define NORMA_ROLE_SPACE 2u
#define NORMA_ROLE_CHANNEL 4u
#define NORMA_ROLE_GROUP 8u    /* states only: one value for each group of channels */
#define NORMA_ROLE_MEMBER 16u  /* states only: one value for each channel of a group */

/* Where the elements of a tensor are. */
typedef struct norma_layout {
  uint32_t struct_size;
  uint32_t flags;                   /* 0 */
  uint32_t dtype;                   /* NORMA_FLOAT32 */
  uint32_t rank;                    /* 0 (a scalar) to NORMA_MAX_RANK */
  int64_t shape[NORMA_MAX_RANK];    /* elements along each axis; the host never passes an empty tensor */
  int64_t strides[NORMA_MAX_RANK];  /* distance of neighbours, in elements; never negative */
  uint8_t roles[NORMA_MAX_RANK];    /* NORMA_ROLE_..., one for each axis */
} norma_layout;

/* A tensor of the host's. A read-only one must not be written: it may lie in protected memory. */
typedef struct norma_tensor {
  uint32_t struct_size;
  uint32_t flags;              /* 0 */
  void *data;                  /* aligned to an element; NULL: absent, not wanted, or (in plan) unknown */
  uint64_t bytes;              /* from the first element to the end of the last one */
  const norma_layout *layout;  /* never NULL */
} norma_tensor;

/* ---- The host -------------------------------------------------------------------------------- */

/* Bits of cpu_features: what CPU and operating system both support. */
#define NORMA_CPU_X86_64_V2 0x1u      /* SSE4.2, POPCNT */
#define NORMA_CPU_X86_64_V3 0x2u      /* AVX2, FMA, BMI2, F16C */
#define NORMA_CPU_X86_64_V4 0x4u      /* AVX-512 F, BW, CD, DQ, VL */
#define NORMA_CPU_AVX512_BF16 0x8u
#define NORMA_CPU_AARCH64 0x10u       /* 64-bit ARM with its base vector unit */

/* Levels of log messages. */
#define NORMA_LOG_DEBUG 0u
#define NORMA_LOG_INFO 1u
#define NORMA_LOG_WARNING 2u
#define NORMA_LOG_ERROR 3u
#define NORMA_LOG_HOST_MISBEHAVING 4u    /* the host broke a rule of this file */
#define NORMA_LOG_PLUGIN_MISBEHAVING 5u  /* the plugin found itself breaking one */

/*
 * Work on the items begin..<end as worker `thread`, which is less than the `threads` asked for; two
 * bodies that run at once have different workers. [shared]
 */
typedef void (*norma_body)(void *context, int64_t begin, int64_t end, uint32_t thread);

/* What the host offers. It lives for the process; its functions get it as their first argument. */
typedef struct norma_host norma_host;
struct norma_host {
  uint32_t struct_size;
  uint32_t flags;          /* 0 */
  uint32_t abi_major;
  uint32_t abi_minor;
  norma_string name;       /* such as "norma" */
  norma_string version;    /* of the host program */
  uint64_t cpu_features;   /* NORMA_CPU_... */
  void *context;           /* the host's own */

  /* `size` bytes aligned to `alignment` (a power of two), not cleared; NULL when there are none. [shared] */
  void *(*allocate)(const norma_host *host, uint64_t size, uint64_t alignment);

  /* Gives back what allocate returned; NULL is ignored. [shared] */
  void (*release)(const norma_host *host, void *memory);

  /*
   * Cuts 0..<count into pieces of about `grain` items, runs body on each with at most `threads`
   * workers, and returns when all are done. Pieces and their order are not fixed: a result that must
   * not depend on them merges its parts afterwards in an order of its own. Not to be nested; may run
   * serially. Only within forward and backward, on the thread that was called. [shared]
   */
  void (*parallel_for)(
      const norma_host *host, uint32_t threads, int64_t count, int64_t grain, norma_body body,
      void *context);

  /* Reports something at NORMA_LOG_... The text is copied. [shared] */
  void (*log)(const norma_host *host, uint32_t level, norma_string text);

  /* Not 0 when the user wants to stop; a long call may then return NORMA_CANCELLED. [shared] */
  uint32_t (*is_cancelled)(const norma_host *host);

  /* The table of an extension such as "name/1", or NULL. The table lives for the process. [shared] */
  const void *(*get_extension)(const norma_host *host, norma_string name);
};

/* ---- Descriptors: what a plugin says of its norms --------------------------------------------- */

#define NORMA_HYPER_HAS_MINIMUM 0x1u
#define NORMA_HYPER_HAS_MAXIMUM 0x2u
#define NORMA_HYPER_MINIMUM_EXCLUDED 0x4u
#define NORMA_HYPER_MAXIMUM_EXCLUDED 0x8u

/*
 * A hyper-parameter. Real ones (NORMA_F64) may change from call to call; all others are fixed when an
 * instance is created. Limits apply to NORMA_F64 and NORMA_I64.
 */
typedef struct norma_hyper {
  uint32_t struct_size;
  uint32_t flags;                /* NORMA_HYPER_... */
  norma_string name;             /* lower_snake */
  norma_string doc;              /* one sentence */
  norma_value default_value;     /* of kind NORMA_NONE: optional; not allowed for NORMA_F64 */
  double minimum;
  double maximum;
  const norma_string *choices;   /* the words of a NORMA_CHOICE; words a NORMA_I64 takes besides numbers */
  const norma_string *aliases;   /* other names, may be NULL */
  uint32_t kind;                 /* NORMA_F64 ... */
  uint32_t choice_count;
  uint32_t alias_count;
  uint32_t reserved;
} norma_hyper;

#define NORMA_CONSTRAINT_DIVIDES 1u     /* hyper divides the limit */
#define NORMA_CONSTRAINT_AT_MOST 2u     /* hyper is at most the limit */
#define NORMA_CONSTRAINT_ONE_OF 3u      /* hyper is one of `values` */
#define NORMA_CONSTRAINT_IS_GROUP_COUNT 0x1u /* with DIVIDES: hyper is the number of groups of channels */

/* A condition on a NORMA_I64 hyper-parameter that is given as a number. */
typedef struct norma_constraint {
  uint32_t struct_size;
  uint32_t flags;         /* NORMA_CONSTRAINT_IS_... */
  uint32_t kind;          /* NORMA_CONSTRAINT_... */
  uint32_t value_count;
  norma_string hyper;     /* the name of the hyper-parameter */
  norma_string limit;     /* the name of another NORMA_I64; empty: the number of channels */
  const int64_t *values;  /* for ONE_OF */
} norma_constraint;

#define NORMA_STATE_GAIN 1u     /* a learned factor */
#define NORMA_STATE_SHIFT 2u    /* a learned offset */
#define NORMA_STATE_WEIGHT 3u   /* a learned weight, which weight decay applies to */
#define NORMA_STATE_RUNNING 4u  /* a running estimate */
#define NORMA_STATE_COUNTER 5u  /* a counter */

#define NORMA_MERGE_NONE 0u      /* each worker keeps its own */
#define NORMA_MERGE_MEAN 1u
#define NORMA_MERGE_WEIGHTED 2u  /* mean weighted by the samples each worker saw */
#define NORMA_MERGE_SUM 3u

/*
 * A parameter (gain, shift, weight: learned, has a gradient) or a buffer (running, counter: written by
 * forward_train). It starts at the value of initial_hyper, when one is named, otherwise at
 *   initial_factor * (channels to the power initial_power)
 */
typedef struct norma_state {
  uint32_t struct_size;
  uint32_t flags;              /* 0 */
  norma_string name;
  norma_string doc;
  uint32_t role;               /* NORMA_STATE_... */
  uint32_t roles;              /* NORMA_ROLE_CHANNEL, _GROUP or _MEMBER; 0: a scalar */
  double initial_factor;
  double initial_power;        /* 0: independent of the channels */
  norma_string initial_hyper;  /* the name of a NORMA_F64 or NORMA_I64, or empty */
  norma_string when;           /* the NORMA_BOOL without which it is absent, or empty: always there */
  uint32_t merge;              /* across workers: NORMA_MERGE_... */
  uint32_t version;            /* of its meaning, for saved models */
} norma_state;

/* An input besides x, of x's rank. One that varies along all roles has x's layout; of others the axes
   along which they do not vary have size 1, and they are in C order. */
typedef struct norma_input {
  uint32_t struct_size;
  uint32_t flags;     /* 0 */
  norma_string name;
  norma_string doc;
  uint32_t roles;     /* NORMA_ROLE_BATCH, _SPACE and _CHANNEL it varies along */
  uint32_t reserved;
} norma_input;

/* What norma_norm.layouts may allow; the channel axes form the first two, in C order. */
#define NORMA_LAYOUT_CHANNELS_LAST 0x1u    /* one or more last axes are the channel: [N,H,W,C] */
#define NORMA_LAYOUT_CHANNELS_SECOND 0x2u  /* axis 1 is the channel: [N,C,H,W] */
#define NORMA_LAYOUT_ANY_AXES 0x4u         /* any set of axes, axis 0 included */
#define NORMA_LAYOUT_STRIDED 0x8u          /* any strides, not only C order */

/* What norma_norm.capabilities says; `norma plugins check` holds a norm to it. */
#define NORMA_CAN_BATCH_STATISTICS 0x1u  /* in training, samples of a batch influence each other */
#define NORMA_CAN_DIFFER_IN_INFER 0x2u   /* training and inference compute different things */
#define NORMA_CAN_PARTIAL_GRADIENT 0x4u  /* the gradient is deliberately not the derivative */
#define NORMA_NEEDS_OUTPUT 0x8u          /* backward reads the output; it always gets the inputs */

/* The settings an instance is created for. */
typedef struct norma_settings {
  uint32_t struct_size;
  uint32_t flags;             /* 0 */
  const norma_host *host;
  const norma_value *values;  /* of all hyper-parameters, checked, in descriptor order */
  uint32_t value_count;
  uint32_t norm;              /* the index of the norm */
  int64_t channels;
} norma_settings;

/* The bytes a call needs; they do not depend on the number of threads. */
typedef struct norma_plan {
  uint32_t struct_size;
  uint32_t flags;                 /* 0 */
  uint64_t saved_bytes;           /* kept from forward_train or forward_infer to backward */
  uint64_t workspace_bytes;       /* free for others between calls */
  uint64_t thread_scratch_bytes;  /* the same, once for each thread */
} norma_plan;

#define NORMA_MODE_INFER 0u
#define NORMA_MODE_TRAIN 1u

#define NORMA_CALL_ACCUMULATE 0x1u  /* gradients of states are added to what is there */
#define NORMA_CALL_GRADIENT 0x2u    /* backward will follow (plan, forward) */

/*
 * One call. All tensors of one kind are an array: inputs (x first), states and their gradients in
 * descriptor order. x, the output and their gradients have one layout; states are in C order.
 * `saved`, `workspace` and `thread_scratch` are aligned to 64 bytes and hold what plan asked for,
 * with unspecified contents at first; they are NULL where that was 0 bytes.
 */
typedef struct norma_call {
  uint32_t struct_size;
  uint32_t flags;                       /* NORMA_CALL_... */
  uint32_t mode;                        /* NORMA_MODE_... */
  uint32_t threads;                     /* how many may work on it, for parallel_for; 1 or more */
  uint32_t hyper_count;
  uint32_t input_count;
  uint32_t state_count;
  uint32_t reserved;
  const double *hyper;                  /* values of the NORMA_F64 hyper-parameters, in their order */
  const norma_tensor *inputs;           /* read-only */
  const norma_tensor *states;           /* read-only but for buffers in forward_train */
  const norma_tensor *output;           /* written by forward; read-only in backward */
  const norma_tensor *output_gradient;  /* backward: read-only */
  const norma_tensor *input_gradients;  /* backward: written, never added to; NULL data: not wanted */
  const norma_tensor *state_gradients;  /* backward: written or added to; NULL data: not wanted */
  void *saved;                          /* written by forward, read by backward */
  void *workspace;
  void *thread_scratch;                 /* for worker i at i * thread_scratch_stride bytes */
  uint64_t thread_scratch_stride;
} norma_call;

/* A norm: everything help, checks and files need, and its functions. */
typedef struct norma_norm {
  uint32_t struct_size;
  uint32_t flags;                       /* 0 */
  norma_string id;                      /* "vendor/name", each lower_snake, never changed */
  norma_string summary;                 /* one sentence */
  norma_string formula;                 /* for people */
  norma_string paper;                   /* a reference, may be empty */
  norma_string since;                   /* the plugin version that brought it */
  norma_string replaced_by;             /* the id of its successor, or empty */
  const norma_hyper *hypers;            /* these arrays may be NULL when their count is 0 */
  const norma_constraint *constraints;
  const norma_state *states;
  const norma_input *inputs;            /* besides x */
  uint32_t hyper_count;
  uint32_t constraint_count;
  uint32_t state_count;
  uint32_t input_count;
  uint32_t schema_version;              /* raised when hyper-parameters or states change meaning */
  uint32_t layouts;                     /* NORMA_LAYOUT_... */
  uint32_t rank_minimum;                /* of x; 0 counts as 1 */
  uint32_t rank_maximum;                /* 0 counts as NORMA_MAX_RANK */
  uint64_t capabilities;                /* NORMA_CAN_..., NORMA_NEEDS_... */
  uint64_t required_cpu;                /* NORMA_CPU_... the code needs; without them it is refused */

  /* Makes an instance, immutable from then on; refuses values that do not fit. Never NULL. [any] */
  int32_t (*create)(const norma_settings *settings, void **instance, norma_error *error);

  /* Ends an instance; nothing runs on it any more. Never NULL. [any] */
  void (*destroy)(void *instance);

  /*
   * Says how much memory a call needs, or that the shape does not suit. `call` has mode, flags and
   * layouts, but no data and 0 threads. Never NULL. [any]
   */
  int32_t (*plan)(
      const void *instance, const norma_call *call, norma_plan *plan, norma_error *error);

  /* Computes the output from the inputs; reads buffers. Never NULL. [shared] */
  int32_t (*forward_infer)(const void *instance, const norma_call *call, norma_error *error);

  /* The same in training; updates buffers. NULL: the norm cannot be trained with. [shared] */
  int32_t (*forward_train)(const void *instance, const norma_call *call, norma_error *error);

  /*
   * Writes the gradients of inputs and states after the forward of call->mode on the same memory.
   * NULL: the norm has no gradient. [shared]
   */
  int32_t (*backward)(const void *instance, const norma_call *call, norma_error *error);
} norma_norm;

/* A plugin. The fields up to required_minor are the same in every major version. */
typedef struct norma_plugin {
  uint32_t struct_size;
  uint32_t flags;           /* 0 */
  uint32_t abi_major;       /* NORMA_ABI_MAJOR, the header it was compiled against */
  uint32_t abi_minor;       /* NORMA_ABI_MINOR */
  uint32_t required_minor;  /* the oldest host minor it works with */
  uint32_t norm_count;
  norma_string id;          /* reverse DNS, such as "org.example.scale" */
  norma_string version;     /* such as "1.2.0" */
  norma_string license;     /* an SPDX expression */
  norma_string url;         /* may be empty */
  norma_string build;       /* compiler, flags, date: whatever helps; may be empty */

  /* The descriptor of a norm, or NORMA_NOT_FOUND from norm_count on. Never NULL. [load] */
  int32_t (*get_norm)(uint32_t index, const norma_norm **norm, norma_error *error);

  /*
   * The table of an extension such as "fold/1" for a norm, or NULL for what is not known.
   * The function may be NULL. [any]
   */
  const void *(*get_extension)(uint32_t norm, norma_string name);
} norma_plugin;

/*
 * The table of the extension "definition/1" of a norm: its formula as data, for hosts that derive
 * reference values, gradients and checks from it. `norma compile` writes it; the form of the text is
 * Norma's own and names its version.
 */
typedef struct norma_definition {
  uint32_t struct_size;
  uint32_t flags;     /* 0 */
  norma_string text;  /* JSON */
} norma_definition;

#if defined(__GNUC__)
#define NORMA_EXPORT __attribute__((visibility("default")))
#else
#define NORMA_EXPORT
#endif

/*
 * The only function a plugin exports. Sets `*plugin` to a descriptor that lives for the process, or
 * returns a status and fills `error`. May be called again, with the same or another host: the host
 * table is best taken from norma_settings. No threads, no input or output, less than 100 ms. [load]
 */
NORMA_EXPORT int32_t norma_plugin_entry_v1(
    const norma_host *host, const norma_plugin **plugin, norma_error *error);

/* ---- For plugin authors ----------------------------------------------------------------------- */

/* Whether an argument struct has nothing but zeros beyond the `known` bytes: 1 or 0. */
static inline int32_t norma_tail_is_zero(const void *argument, uint32_t known) {
  const unsigned char *bytes = (const unsigned char *)argument;
  const uint32_t size = *(const uint32_t *)argument;
  for (uint32_t i = known; i < size; i++) {
    if (bytes[i] != 0) return 0;
  }
  return 1;
}

/* Fills an error, if there is one, with a sentence that ends in a zero byte; returns `status`. */
static inline int32_t norma_fail(
    norma_error *error, int32_t status, uint32_t about, uint32_t index, const char *message) {
  if (error != NULL) {
    uint64_t n = 0;
    error->about = about;
    error->index = index;
    while (n < error->message_capacity && message[n] != 0) {
      error->message[n] = message[n];
      n++;
    }
    error->message_length = n;
  }
  return status;
}

/* ---- The layout, fixed ------------------------------------------------------------------------ */

#ifdef __cplusplus
}
#define NORMA_ASSERT(condition) static_assert(condition, #condition)
#else
#define NORMA_ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* Size, and the offset of the last field. */
#define NORMA_FIXED(type, size, last, offset) \
  NORMA_ASSERT(sizeof(type) == (size) && offsetof(type, last) == (offset))

NORMA_ASSERT(sizeof(void *) == 8);
NORMA_FIXED(norma_string, 16, length, 8);
NORMA_FIXED(norma_value, 48, list, 40);
NORMA_FIXED(norma_error, 40, message_length, 32);
NORMA_FIXED(norma_layout, 152, roles, 144);
NORMA_FIXED(norma_tensor, 32, layout, 24);
NORMA_FIXED(norma_host, 112, get_extension, 104);
NORMA_FIXED(norma_hyper, 136, reserved, 132);
NORMA_FIXED(norma_constraint, 56, values, 48);
NORMA_FIXED(norma_state, 104, version, 100);
NORMA_FIXED(norma_input, 48, reserved, 44);
NORMA_FIXED(norma_settings, 40, channels, 32);
NORMA_FIXED(norma_plan, 32, thread_scratch_bytes, 24);
NORMA_FIXED(norma_call, 120, thread_scratch_stride, 112);
NORMA_FIXED(norma_norm, 232, backward, 224);
NORMA_FIXED(norma_plugin, 120, get_extension, 112);
NORMA_FIXED(norma_definition, 24, text, 8);

#undef NORMA_FIXED
#undef NORMA_ASSERT
#endif
