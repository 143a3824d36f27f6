/*
 * A host for one norm of a compiled Norma plugin, as plain functions that ctypes can call.
 * It needs norma_plugin.h and nothing else; with OpenMP it uses the threads of whoever loaded OpenMP.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "norma_plugin.h"

#define EXPORT __attribute__((visibility("default")))
enum { MOST = 32 }; /* inputs, and states */

/* ---- What plugins are offered ------------------------------------------------------------------ */

static void *allocate(const norma_host *host, uint64_t size, uint64_t alignment) {
  (void)host;
  if (alignment < sizeof(void *)) alignment = sizeof(void *);
  return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
static void release(const norma_host *host, void *memory) {
  (void)host;
  free(memory);
}
static void parallel_for(
    const norma_host *host, uint32_t threads, int64_t count, int64_t grain, norma_body body,
    void *context) {
  (void)host;
  const int64_t pieces = (count + grain - 1) / grain;
  if (threads < 2 || pieces < 2) {
    if (count > 0) body(context, 0, count, 0);
    return;
  }
#if defined(_OPENMP)
  const int64_t most = threads < pieces ? threads : pieces;
  int64_t next = 0;
#pragma omp parallel for num_threads((int)most) schedule(static, 1)
  for (int64_t worker = 0; worker < most; worker++) {
    int64_t piece;
    while ((piece = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < pieces) {
      const int64_t end = (piece + 1) * grain;
      body(context, piece * grain, end < count ? end : count, (uint32_t)worker);
    }
  }
#else
  body(context, 0, count, 0);
#endif
}
static void say(const norma_host *host, uint32_t level, norma_string text) {
  (void)host;
  if (level >= NORMA_LOG_WARNING) fprintf(stderr, "norma: %.*s\n", (int)text.length, text.data);
}
static uint32_t is_cancelled(const norma_host *host) {
  (void)host;
  return 0;
}
static const void *get_extension(const norma_host *host, norma_string name) {
  (void)host;
  (void)name;
  return NULL;
}

static uint64_t features(void) {
  uint64_t bits = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"))
    bits |= NORMA_CPU_X86_64_V2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
    bits |= NORMA_CPU_X86_64_V3;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
      && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
      && __builtin_cpu_supports("avx512vl"))
    bits |= NORMA_CPU_X86_64_V4;
#elif defined(__aarch64__)
  bits |= NORMA_CPU_AARCH64;
#endif
  return bits;
}

static norma_host host = {
    .struct_size = sizeof(norma_host), .abi_major = NORMA_ABI_MAJOR, .abi_minor = NORMA_ABI_MINOR,
    .name = NORMA_TEXT("norma in PyTorch"), .version = NORMA_TEXT("1.0.0"), .allocate = allocate,
    .release = release, .parallel_for = parallel_for, .log = say, .is_cancelled = is_cancelled,
    .get_extension = get_extension,
};

/* ---- A norm ------------------------------------------------------------------------------------- */

static int32_t told(norma_error *e, char *text, int32_t room, int32_t status) {
  if (status == NORMA_OK) return 0;
  if (e->message_length == 0)
    snprintf(text, (size_t)room, "status %d", status);
  else
    text[e->message_length < (uint64_t)room ? e->message_length : (uint64_t)room - 1] = 0;
  return status;
}
static norma_error error_in(char *text, int32_t room) {
  norma_error e = {.struct_size = sizeof e, .message = text, .message_capacity = (uint64_t)room - 1};
  return e;
}

/* Loads the library and finds its norm; NULL, and a sentence in `text`, when that fails. */
EXPORT const void *norma_torch_open(const char *path, char *text, int32_t room) {
  host.cpu_features = features();
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == NULL) {
    snprintf(text, (size_t)room, "%s", dlerror());
    return NULL;
  }
  int32_t (*entry)(const norma_host *, const norma_plugin **, norma_error *) =
      (int32_t(*)(const norma_host *, const norma_plugin **, norma_error *))dlsym(
          library, "norma_plugin_entry_v1");
  if (entry == NULL) {
    snprintf(text, (size_t)room, "'%s' is no Norma plugin", path);
    return NULL;
  }
  norma_error e = error_in(text, room);
  const norma_plugin *plugin = NULL;
  const norma_norm *norm = NULL;
  if (told(&e, text, room, entry(&host, &plugin, &e)) != 0) return NULL;
  if (plugin->required_minor > NORMA_ABI_MINOR) {
    snprintf(text, (size_t)room, "the plugin needs interface %u.%u, this host has %u.%u",
             plugin->abi_major, plugin->required_minor, NORMA_ABI_MAJOR, NORMA_ABI_MINOR);
    return NULL;
  }
  if (told(&e, text, room, plugin->get_norm(0, &norm, &e)) != 0) return NULL;
  if ((norm->required_cpu & host.cpu_features) != norm->required_cpu) {
    snprintf(text, (size_t)room, "the library was compiled for another processor");
    return NULL;
  }
  return norm;
}

typedef struct {
  const norma_norm *norm;
  void *instance;
  int64_t channels, groups;
} layer;

/*
 * Makes a layer. One value a hyper-parameter: kinds are NORMA_F64 and so on, `integers` has booleans
 * and indices of words too. `groups`: of channels, for parameters that are one a group.
 */
EXPORT void *norma_torch_create(
    const norma_norm *norm, int32_t count, const uint32_t *kinds, const int64_t *integers,
    const double *reals, int64_t channels, int64_t groups, char *text, int32_t room,
    int32_t *wrong) {
  norma_value values[MOST];
  *wrong = -1;
  if (count > MOST || norm->state_count > MOST || norm->input_count >= MOST) {
    snprintf(text, (size_t)room, "too many settings, parameters or inputs");
    return NULL;
  }
  memset(values, 0, sizeof values);
  const char *raw = (const char *)norm->hypers;
  for (int32_t i = 0; i < count; i++) {
    const norma_hyper *hyper = (const norma_hyper *)raw;
    values[i].kind = kinds[i];
    values[i].integer = integers[i];
    values[i].real = reals[i];
    if (kinds[i] == NORMA_CHOICE) values[i].text = hyper->choices[integers[i]];
    raw += hyper->struct_size;
  }
  norma_settings settings = {
      .struct_size = sizeof settings, .host = &host, .values = values,
      .value_count = (uint32_t)count, .channels = channels,
  };
  layer *made = calloc(1, sizeof *made);
  if (made == NULL) return NULL;
  norma_error e = error_in(text, room);
  made->norm = norm;
  made->channels = channels;
  made->groups = groups;
  if (told(&e, text, room, norm->create(&settings, &made->instance, &e)) != 0) {
    if (e.about == NORMA_ABOUT_HYPER) *wrong = (int32_t)e.index;
    free(made);
    return NULL;
  }
  return made;
}

EXPORT void norma_torch_destroy(void *self) {
  layer *made = self;
  if (made == NULL) return;
  made->norm->destroy(made->instance);
  free(made);
}

/* ---- A call ------------------------------------------------------------------------------------- */

typedef struct {
  norma_layout layouts[2 * MOST];
  norma_tensor inputs[MOST], states[MOST], input_gradients[MOST], state_gradients[MOST];
  norma_tensor output, output_gradient;
  norma_call call;
} frame;

static void strides(norma_layout *layout) {
  int64_t step = 1;
  for (uint32_t a = layout->rank; a-- > 0;) {
    layout->strides[a] = step;
    step *= layout->shape[a];
  }
}
static norma_tensor view(const norma_layout *layout, void *data) {
  uint64_t bytes = 4;
  for (uint32_t a = 0; a < layout->rank; a++) bytes *= (uint64_t)layout->shape[a];
  norma_tensor t = {.struct_size = sizeof t, .data = data, .bytes = bytes, .layout = layout};
  return t;
}

static void fill(
    frame *f, const layer *self, int32_t mode, int32_t gradient, int32_t threads, int32_t rank,
    const int64_t *shape, int32_t axis) {
  const norma_norm *norm = self->norm;
  memset(f, 0, sizeof *f);
  norma_layout *x = &f->layouts[0];
  x->struct_size = sizeof *x;
  x->dtype = NORMA_FLOAT32;
  x->rank = (uint32_t)rank;
  for (int32_t a = 0; a < rank; a++) {
    x->shape[a] = shape[a];
    x->roles[a] = a == axis ? NORMA_ROLE_CHANNEL : a == 0 ? NORMA_ROLE_BATCH : NORMA_ROLE_SPACE;
  }
  strides(x);
  f->inputs[0] = view(x, NULL);
  const char *raw = (const char *)norm->inputs;
  for (uint32_t i = 0; i < norm->input_count; i++) {
    const norma_input *input = (const norma_input *)raw;
    norma_layout *layout = &f->layouts[1 + i];
    *layout = *x;
    for (int32_t a = 0; a < rank; a++)
      if (!(x->roles[a] & input->roles)) layout->shape[a] = 1;
    strides(layout);
    f->inputs[1 + i] = view(layout, NULL);
    raw += input->struct_size;
  }
  raw = (const char *)norm->states;
  for (uint32_t s = 0; s < norm->state_count; s++) {
    const norma_state *state = (const norma_state *)raw;
    norma_layout *layout = &f->layouts[MOST + s];
    layout->struct_size = sizeof *layout;
    layout->dtype = NORMA_FLOAT32;
    layout->rank = state->roles != 0;
    layout->roles[0] = (uint8_t)state->roles;
    layout->shape[0] = state->roles & NORMA_ROLE_CHANNEL ? self->channels
                       : state->roles & NORMA_ROLE_GROUP ? self->groups
                                                         : self->channels / self->groups;
    layout->strides[0] = 1;
    f->states[s] = view(layout, NULL);
    raw += state->struct_size;
  }
  memcpy(f->input_gradients, f->inputs, sizeof f->inputs);
  memcpy(f->state_gradients, f->states, sizeof f->states);
  f->output = f->output_gradient = f->inputs[0];
  norma_call call = {
      .struct_size = sizeof call, .flags = gradient ? NORMA_CALL_GRADIENT : 0,
      .mode = (uint32_t)mode, .threads = (uint32_t)threads, .input_count = 1 + norm->input_count,
      .state_count = norm->state_count, .inputs = f->inputs, .states = f->states,
      .output = &f->output, .output_gradient = &f->output_gradient,
      .input_gradients = f->input_gradients, .state_gradients = f->state_gradients,
  };
  f->call = call;
}

static int64_t aligned(uint64_t bytes) { return (int64_t)((bytes + 63) / 64 * 64); }

/* Bytes of saved memory, of workspace with that of all threads, and of one thread's. */
EXPORT int32_t norma_torch_sizes(
    const void *self_, int32_t mode, int32_t gradient, int32_t threads, int32_t rank,
    const int64_t *shape, int32_t axis, int64_t *sizes, char *text, int32_t room) {
  const layer *self = self_;
  frame f;
  fill(&f, self, mode, gradient, 0, rank, shape, axis);
  norma_plan plan = {.struct_size = sizeof plan};
  norma_error e = error_in(text, room);
  const int32_t status =
      told(&e, text, room, self->norm->plan(self->instance, &f.call, &plan, &e));
  if (status != 0) return status;
  sizes[0] = (int64_t)plan.saved_bytes;
  sizes[2] = aligned(plan.thread_scratch_bytes);
  sizes[1] = aligned(plan.workspace_bytes) + threads * sizes[2];
  return 0;
}

/*
 * Runs one direction. Pointers: inputs (x first), then states; gradients in the same order, NULL where
 * they are not wanted; `sizes` are those of norma_torch_sizes.
 */
EXPORT int32_t norma_torch_run(
    const void *self_, int32_t backward, int32_t mode, int32_t gradient, int32_t threads,
    int32_t rank, const int64_t *shape, int32_t axis, const double *hyper, int32_t hyper_count,
    void *const *tensors, void *output, void *output_gradient, void *const *gradients, void *saved,
    char *workspace, const int64_t *sizes, char *text, int32_t room) {
  const layer *self = self_;
  const norma_norm *norm = self->norm;
  frame f;
  fill(&f, self, mode, gradient, threads, rank, shape, axis);
  const uint32_t inputs = 1 + norm->input_count;
  for (uint32_t i = 0; i < inputs; i++) {
    f.inputs[i].data = tensors[i];
    f.input_gradients[i].data = gradients ? gradients[i] : NULL;
  }
  for (uint32_t s = 0; s < norm->state_count; s++) {
    f.states[s].data = tensors[inputs + s];
    f.state_gradients[s].data = gradients ? gradients[inputs + s] : NULL;
  }
  f.output.data = output;
  f.output_gradient.data = output_gradient;
  f.call.hyper = hyper;
  f.call.hyper_count = (uint32_t)hyper_count;
  f.call.saved = sizes[0] ? saved : NULL;
  f.call.workspace = sizes[1] > threads * sizes[2] ? workspace : NULL;
  f.call.thread_scratch = sizes[2] ? workspace + sizes[1] - threads * sizes[2] : NULL;
  f.call.thread_scratch_stride = (uint64_t)sizes[2];
  norma_error e = error_in(text, room);
  int32_t (*run)(const void *, const norma_call *, norma_error *) =
      backward ? norm->backward
               : mode == (int32_t)NORMA_MODE_TRAIN ? norm->forward_train : norm->forward_infer;
  if (run == NULL) {
    snprintf(text, (size_t)room, "the norm cannot do that");
    return NORMA_UNSUPPORTED;
  }
  return told(&e, text, room, run(self->instance, &f.call, &e));
}
