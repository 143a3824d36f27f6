/*
 * example/scale: y = g * x / max(||x||, epsilon), the norm taken over the channels.
 * Toan Q. Nguyen and Julian Salazar, "Transformers without Tears", arXiv:1910.05895.
 *
 * A vector is the channels of one sample at one place. Sums are kept in double: squares of 1e18
 * leave the range of float, and a vector of large mean loses its digits in it.
 */
#include <math.h>
#include <stdlib.h>

#include "norma_plugin.h"

/* ---- What the norm is -------------------------------------------------------------------------- */

enum { EPSILON };  /* call->hyper */
enum { G };        /* call->states */

static const norma_hyper hypers[] = {{
    .struct_size = sizeof(norma_hyper),
    .flags = NORMA_HYPER_HAS_MINIMUM | NORMA_HYPER_MINIMUM_EXCLUDED,
    .name = NORMA_TEXT("epsilon"),
    .doc = NORMA_TEXT("the least norm divided by"),
    .kind = NORMA_F64,
    .default_value = {.kind = NORMA_F64, .real = 1e-5},
    .minimum = 0,
}};

static const norma_state states[] = {{
    .struct_size = sizeof(norma_state),
    .name = NORMA_TEXT("g"),
    .doc = NORMA_TEXT("the length every vector gets"),
    .role = NORMA_STATE_GAIN,
    .initial_factor = 1,
    .initial_power = 0.5,
    .merge = NORMA_MERGE_MEAN,
    .version = 1,
}};

/* ---- Walking through a tensor ------------------------------------------------------------------ */

/* The number of index combinations of the axes whose role is among `roles`. */
static int64_t count_of(const norma_layout *layout, uint32_t roles) {
  int64_t count = 1;
  for (uint32_t a = 0; a < layout->rank; a++)
    if (layout->roles[a] & roles) count *= layout->shape[a];
  return count;
}

/* The offset of the index-th combination of those axes, in elements. */
static int64_t offset_of(const norma_layout *layout, uint32_t roles, int64_t index) {
  int64_t offset = 0;
  for (uint32_t a = layout->rank; a-- > 0;) {
    if (!(layout->roles[a] & roles)) continue;
    offset += index % layout->shape[a] * layout->strides[a];
    index /= layout->shape[a];
  }
  return offset;
}

enum { VECTORS = NORMA_ROLE_BATCH | NORMA_ROLE_SPACE };

/* How one vector lies in memory: `rows` pieces of `width` elements, `stride` apart. */
typedef struct {
  int64_t rows, width, stride;
  norma_layout outer; /* the channel axes but the last: where a piece starts */
} vector_shape;

static vector_shape shape_of_vectors(const norma_layout *layout) {
  vector_shape v = {.rows = 1, .width = 1, .stride = 1, .outer = *layout};
  for (uint32_t a = layout->rank; a-- > 0;) {
    if (layout->roles[a] != NORMA_ROLE_CHANNEL) continue;
    v.width = layout->shape[a];
    v.stride = layout->strides[a];
    v.outer.roles[a] = 0;
    break;
  }
  v.rows = count_of(&v.outer, NORMA_ROLE_CHANNEL);
  return v;
}

/* ---- The inner loops, for each instruction set ------------------------------------------------- */

typedef struct {
  double (*dot)(const float *a, const float *b, int64_t n);
  void (*multiply)(float *y, const float *x, int64_t n, double factor);
  void (*gradient)(float *dx, const float *x, const float *dy, int64_t n, double factor, double along);
} kernels;

#define KERNEL(name) name##_baseline
#define TARGET
#include "kernels.h"
#undef KERNEL
#undef TARGET
#if defined(__x86_64__)
#define KERNEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#include "kernels.h"
#undef KERNEL
#undef TARGET
#define KERNEL(name) name##_avx512
#define TARGET __attribute__((target("avx512f,avx512vl,avx512dq,fma")))
#include "kernels.h"
#undef KERNEL
#undef TARGET
#endif

/* The loops for the processor and operating system that the host found. */
static const kernels *choose(const norma_host *host) {
#if defined(__x86_64__)
  if (host->cpu_features & NORMA_CPU_X86_64_V4) return &kernels_avx512;
  if (host->cpu_features & NORMA_CPU_X86_64_V3) return &kernels_avx2;
#endif
  (void)host;
  return &kernels_baseline;
}

/* The sum of a[i] * b[i] over the vector that starts at `start`. */
static double dot(
    const kernels *k, const vector_shape *v, int64_t start, const float *a, const float *b) {
  double sum = 0;
  for (int64_t row = 0; row < v->rows; row++) {
    const int64_t at = start + offset_of(&v->outer, NORMA_ROLE_CHANNEL, row);
    if (v->stride == 1) {
      sum += k->dot(a + at, b + at, v->width);
      continue;
    }
    for (int64_t i = 0; i < v->width; i++)
      sum += (double)a[at + i * v->stride] * b[at + i * v->stride];
  }
  return sum;
}

/* ---- Running it -------------------------------------------------------------------------------- */

/*
 * Vectors are handled in pieces fixed by the shape alone, and the sums of the pieces are added in
 * their order, so that the result does not depend on the number of threads.
 */
enum { PIECES = 64 };

typedef struct {
  const norma_call *call;
  const kernels *kernels;
  vector_shape vector;
  int64_t vectors, pieces;
  double epsilon;
  double *sums; /* backward: the gradient of g, a piece each */
} job;

typedef struct {
  const norma_host *host;
  const kernels *kernels;
} instance;

static job job_of(const void *self, const norma_call *call) {
  const norma_layout *layout = call->inputs[0].layout;
  job j = {
      .call = call,
      .kernels = ((const instance *)self)->kernels,
      .vector = shape_of_vectors(layout),
  };
  j.vectors = count_of(layout, VECTORS);
  j.pieces = j.vectors < PIECES ? j.vectors : PIECES;
  j.epsilon = call->hyper[EPSILON];
  j.sums = call->workspace;
  return j;
}

/* max(norm, epsilon), but NaN where the norm is NaN: fmax would hide it. */
static double divisor(double norm, double epsilon) { return norm < epsilon ? epsilon : norm; }

static void forward_pieces(void *context, int64_t begin, int64_t end, uint32_t thread) {
  (void)thread;
  const job *j = context;
  const vector_shape v = j->vector;
  const norma_layout *layout = j->call->inputs[0].layout;
  const float *x = j->call->inputs[0].data;
  float *y = j->call->output->data;
  double *norms = j->call->saved;
  const double g = *(const float *)j->call->states[G].data;
  const int64_t last = end * j->vectors / j->pieces;
  for (int64_t n = begin * j->vectors / j->pieces; n < last; n++) {
    const int64_t start = offset_of(layout, VECTORS, n);
    norms[n] = sqrt(dot(j->kernels, &v, start, x, x));
    const double factor = g / divisor(norms[n], j->epsilon);
    for (int64_t row = 0; row < v.rows; row++) {
      const int64_t at = start + offset_of(&v.outer, NORMA_ROLE_CHANNEL, row);
      if (v.stride == 1) {
        j->kernels->multiply(y + at, x + at, v.width, factor);
        continue;
      }
      for (int64_t i = 0; i < v.width; i++)
        y[at + i * v.stride] = (float)(factor * x[at + i * v.stride]);
    }
  }
}

/*
 * With m = max(||x||, epsilon) and p = <x, dy>:
 *   dg = sum of p / m
 *   dx = g / m * (dy - x * p / m^2)   where ||x|| > epsilon, else   g / m * dy
 */
static void backward_pieces(void *context, int64_t begin, int64_t end, uint32_t thread) {
  (void)thread;
  const job *j = context;
  const vector_shape v = j->vector;
  const norma_layout *layout = j->call->inputs[0].layout;
  const float *x = j->call->inputs[0].data;
  const float *dy = j->call->output_gradient->data;
  float *dx = j->call->input_gradients[0].data;
  const double *norms = j->call->saved;
  const double g = *(const float *)j->call->states[G].data;
  for (int64_t piece = begin; piece < end; piece++) {
    const int64_t last = (piece + 1) * j->vectors / j->pieces;
    double sum = 0;
    for (int64_t n = piece * j->vectors / j->pieces; n < last; n++) {
      const int64_t start = offset_of(layout, VECTORS, n);
      const double m = divisor(norms[n], j->epsilon);
      const double p = dot(j->kernels, &v, start, x, dy) / m;
      sum += p;
      if (dx == NULL) continue;
      const double along = norms[n] > j->epsilon ? p / m : 0, factor = g / m;
      for (int64_t row = 0; row < v.rows; row++) {
        const int64_t at = start + offset_of(&v.outer, NORMA_ROLE_CHANNEL, row);
        if (v.stride == 1) {
          j->kernels->gradient(dx + at, x + at, dy + at, v.width, factor, along);
          continue;
        }
        for (int64_t i = 0; i < v.width; i++) {
          const int64_t e = at + i * v.stride;
          dx[e] = (float)(factor * (dy[e] - x[e] * along));
        }
      }
    }
    j->sums[piece] = sum;
  }
}

/* ---- The functions of the descriptor ----------------------------------------------------------- */

static int32_t create(const norma_settings *settings, void **out, norma_error *error) {
  if (!norma_tail_is_zero(settings, sizeof *settings))
    return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "settings newer than this plugin");
  instance *self = malloc(sizeof *self);
  if (self == NULL) return norma_fail(error, NORMA_OUT_OF_MEMORY, 0, 0, "out of memory");
  self->host = settings->host;
  self->kernels = choose(settings->host);
  *out = self;
  return NORMA_OK;
}

static void destroy(void *self) { free(self); }

static int32_t plan(
    const void *self, const norma_call *call, norma_plan *out, norma_error *error) {
  (void)self;
  if (!norma_tail_is_zero(call, sizeof *call))
    return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
  out->saved_bytes = sizeof(double) * (uint64_t)count_of(call->inputs[0].layout, VECTORS);
  out->workspace_bytes = sizeof(double) * PIECES;
  return NORMA_OK;
}

static int32_t forward(const void *self, const norma_call *call, norma_error *error) {
  if (!norma_tail_is_zero(call, sizeof *call))
    return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
  const norma_host *host = ((const instance *)self)->host;
  job j = job_of(self, call);
  host->parallel_for(host, call->threads, j.pieces, 1, forward_pieces, &j);
  return NORMA_OK;
}

static int32_t backward(const void *self, const norma_call *call, norma_error *error) {
  if (!norma_tail_is_zero(call, sizeof *call))
    return norma_fail(error, NORMA_UNSUPPORTED, 0, 0, "a call newer than this plugin");
  const norma_host *host = ((const instance *)self)->host;
  job j = job_of(self, call);
  host->parallel_for(host, call->threads, j.pieces, 1, backward_pieces, &j);
  float *dg = call->state_gradients[G].data;
  if (dg != NULL) {
    double sum = call->flags & NORMA_CALL_ACCUMULATE ? *dg : 0;
    for (int64_t piece = 0; piece < j.pieces; piece++) sum += j.sums[piece];
    *dg = (float)sum;
  }
  return NORMA_OK;
}

static const norma_norm scale = {
    .struct_size = sizeof(norma_norm),
    .id = NORMA_TEXT("example/scale"),
    .summary = NORMA_TEXT("every vector of channels gets the learned length g"),
    .formula = NORMA_TEXT("g * x / max(norm(x, channel), epsilon)"),
    .paper = NORMA_TEXT("arXiv:1910.05895"),
    .since = NORMA_TEXT("1.0.0"),
    .hypers = hypers,
    .hyper_count = 1,
    .states = states,
    .state_count = 1,
    .schema_version = 1,
    .layouts = NORMA_LAYOUT_ANY_AXES | NORMA_LAYOUT_STRIDED,
    .create = create,
    .destroy = destroy,
    .plan = plan,
    .forward_infer = forward,
    .forward_train = forward,
    .backward = backward,
};

/* ---- The plugin --------------------------------------------------------------------------------- */

static int32_t get_norm(uint32_t index, const norma_norm **norm, norma_error *error) {
  if (index != 0) return norma_fail(error, NORMA_NOT_FOUND, 0, 0, "there is one norm");
  *norm = &scale;
  return NORMA_OK;
}

static const norma_plugin plugin = {
    .struct_size = sizeof(norma_plugin),
    .abi_major = NORMA_ABI_MAJOR,
    .abi_minor = NORMA_ABI_MINOR,
    .required_minor = 0,
    .norm_count = 1,
    .id = NORMA_TEXT("org.example.scale"),
    .version = NORMA_TEXT("1.0.0"),
    .license = NORMA_TEXT("MIT"),
    .build = NORMA_TEXT("C11, " __VERSION__),
    .get_norm = get_norm,
};

int32_t norma_plugin_entry_v1(
    const norma_host *host, const norma_plugin **out, norma_error *error) {
  (void)host;
  (void)error;
  *out = &plugin;
  return NORMA_OK;
}
