#include "ck_window.h"
#include "ck_parallel.h"
#include "ck_target.h"

/* Elements of a task, about. */
#define TASK 16384
/* Positions whose neighbours are put side by side, and the most neighbours for which they are. */
#define SPAN 1024
#define MOST 512

/* z[k...] = the sums of a[k + j step...] over `taps` values of j, in registers. */
#define SUMS_OF(lanes, T) \
  { \
    double sums[lanes] = {0}; \
    for (int64_t j = 0; j < taps; j++) \
      CK_VECTOR for (int l = 0; l < lanes; l++) sums[l] += (double)a[k + j * step + l]; \
    CK_VECTOR for (int l = 0; l < lanes; l++) z[k + l] = (T)sums[l]; \
  }

/* The same for all k below count; the last sums of a long run are made twice. */
#define SUMS(name, T, S) \
  static inline __attribute__((always_inline)) void name( \
      T *z, const S *a, int64_t count, int64_t taps, int64_t step) { \
    int64_t k = 0; \
    for (; k + 32 <= count; k += 32) SUMS_OF(32, T) \
    for (; k + 8 <= count; k += 8) SUMS_OF(8, T) \
    if (k < count && count >= 8) { \
      k = count - 8; \
      SUMS_OF(8, T) \
    } else { \
      for (; k < count; k++) SUMS_OF(1, T) \
    } \
  }

typedef struct {
  void *z;
  const void *a;
  const ck_window *w;
} job;

static int64_t axes_of_task(const ck_window *w) {
  int64_t axes = TASK / (w->n * w->inner);
  return axes < 1 ? 1 : axes;
}

/* A long axis is cut into parts. */
static int64_t parts_of_axis(const ck_window *w) {
  int64_t parts = w->n * w->inner / TASK;
  return parts < 1 ? 1 : parts > w->n ? w->n : parts;
}

#define WINDOW(T) \
  SUMS(sums_of_##T, T, T) \
  SUMS(sums_to_##T, T, double) \
  \
  /* Positions first..<last of an axis of neighbours: in double, with nothing beyond the edges. */ \
  CK_CLONES static void neighbours_##T( \
      T *z, const T *a, const ck_window *w, int64_t first, int64_t last) { \
    double near[SPAN + MOST]; \
    int64_t around = w->before + w->after; \
    for (int64_t i = first; i < last; i += SPAN) { \
      int64_t count = last - i < SPAN ? last - i : SPAN, size = count + around; \
      int64_t low = w->before - i, high = w->n - i + w->before; \
      low = low < 0 ? 0 : low < size ? low : size; \
      high = high < size ? high : size; \
      for (int64_t k = 0; k < low; k++) near[k] = 0; \
      CK_VECTOR for (int64_t k = low; k < high; k++) near[k] = a[i - w->before + k]; \
      for (int64_t k = high; k < size; k++) near[k] = 0; \
      sums_to_##T(z + i, near, count, around + 1, 1); \
    } \
  } \
  \
  /* Positions first..<last of an axis; those whose window is whole are one run of sums. */ \
  CK_CLONES static void positions_##T( \
      T *z, const T *a, const ck_window *w, int64_t first, int64_t last) { \
    for (int64_t i = first, run; i < last; i += run) { \
      int64_t from = i > w->before ? i - w->before : 0; \
      int64_t to = w->after < w->n - 1 - i ? i + w->after : w->n - 1; \
      int64_t whole = w->n - w->after < last ? w->n - w->after : last; \
      run = i >= w->before && i < whole ? whole - i : 1; \
      sums_of_##T(z + i * w->inner, a + from * w->inner, run * w->inner, to - from + 1, w->inner); \
    } \
  } \
  \
  static void work_##T(void *context, int64_t index, int32_t worker) { \
    const job *job = context; \
    const ck_window *w = job->w; \
    int64_t parts = parts_of_axis(w), most = axes_of_task(w), size = w->n * w->inner; \
    int64_t o = index / parts * most, part = index % parts; \
    int64_t axes = o + most < w->outer ? most : w->outer - o; \
    int64_t first = part * w->n / parts, last = (part + 1) * w->n / parts; \
    T *z = (T *)job->z + o * size; \
    const T *a = (const T *)job->a + o * size; \
    (void)worker; \
    for (; axes > 0; axes--, z += size, a += size) { \
      if (w->inner == 1 && w->before + w->after < MOST) neighbours_##T(z, a, w, first, last); \
      else positions_##T(z, a, w, first, last); \
    } \
  } \
  \
  void ck_window_##T##s(T *z, const T *a, const ck_window *w, int32_t threads) { \
    if (w->outer < 1 || w->n < 1 || w->inner < 1) return; \
    ck_window near = *w; \
    if (near.before > w->n - 1) near.before = w->n - 1; \
    if (near.after > w->n - 1) near.after = w->n - 1; \
    job job = {z, a, &near}; \
    int64_t axes = axes_of_task(w), count = w->outer * w->n * w->inner; \
    ck_parallel_for((w->outer + axes - 1) / axes * parts_of_axis(w), \
                    count < 2 * TASK ? 1 : threads, 0, work_##T, &job); \
  }

WINDOW(float)
WINDOW(double)
