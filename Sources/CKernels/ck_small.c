/* Loops over small arrays of doubles. */
#include "ck_small.h"

#include <float.h>
#include <math.h>

#include "ck_operations.h"
#include "ck_target.h"

#define R double
/* The builtin never sets errno, so that loops become sqrtpd. */
#define CK_SQRT(a) __builtin_elementwise_sqrt(a)
#define CK_EXP(a) exp(a)
#define CK_LOG(a) log(a)
#define CK_TANH(a) tanh(a)
#define CK_SIGMOID(a) (1 / (1 + exp(-(a))))
#define CK_ERF(a) erf(a)
#define CK_POW(a, b) pow(a, b)

/* One run along the innermost axis that is longer than 1. */
typedef struct {
  int64_t n, z, a, b, c;
} run;

/* What is usual is vectorised: arrays without gaps, and numbers that repeat; not where C's library is
   called, which is no fault. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#define EACH(...) CK_VECTOR for (int64_t i = 0; i < s.n; i++) { __VA_ARGS__ }

CK_CLONES static void map_run(int operation, run s, double *z, const double *pa, const double *pb,
                              const double *pc) {
  switch (operation) {
#define OP(name, formula) \
  case CK_OP_##name: \
    if (s.z == 1 && s.a == 1) EACH(double a = pa[i]; z[i] = formula;) \
    else EACH(double a = pa[i * s.a]; z[i * s.z] = formula;) \
    break;
    CK_UNARY_OPERATIONS(OP)
#undef OP
#define OP(name, formula) \
  case CK_OP_##name: \
    if (s.z == 1 && s.a == 1 && s.b == 1) EACH(double a = pa[i], b = pb[i]; z[i] = formula;) \
    else if (s.z == 1 && s.a == 1 && s.b == 0) { \
      const double b = pb[0]; \
      EACH(double a = pa[i]; z[i] = formula;) \
    } else EACH(double a = pa[i * s.a], b = pb[i * s.b]; z[i * s.z] = formula;) \
    break;
    CK_BINARY_OPERATIONS(OP)
#undef OP
#define OP(name, formula) \
  case CK_OP_##name: \
    EACH(double a = pa[i * s.a], b = pb[i * s.b], c = pc[i * s.c]; z[i * s.z] = formula;) \
    break;
    CK_TERNARY_OPERATIONS(OP)
#undef OP
    default: break;
  }
}

void ck_small_map_line(int operation, int64_t n, double *z, int64_t zs, const double *a, int64_t as,
                       const double *b, int64_t bs, const double *c, int64_t cs) {
  run s = {n, zs, as, bs, cs};
  map_run(operation, s, z, a, b, c);
}

/* Runs the block for every index of all axes but `inner`, the longest one, with the offset of each array
   in zo, ao, bo, co. */
#define CK_WALK(inner, ...) \
  { \
    int64_t e[CK_AXES]; \
    int64_t total = 1; \
    for (int k = 0; k < CK_AXES; k++) { \
      e[k] = k == (inner) ? 1 : extent[k]; \
      total *= e[k]; \
    } \
    int64_t at[CK_AXES] = {0}; \
    for (int64_t step = 0; step < total; step++) { \
      __VA_ARGS__ \
      for (int k = CK_AXES - 1; k >= 0; k--) { \
        if (++at[k] < e[k]) break; \
        at[k] = 0; \
      } \
    } \
  }

static int64_t dot5(const int64_t *at, const int64_t *strides) {
  int64_t s = 0;
  for (int k = 0; k < CK_AXES; k++) s += at[k] * strides[k];
  return s;
}

static int longest(const int64_t *extent) {
  int best = CK_AXES - 1;
  for (int k = CK_AXES - 1; k >= 0; k--)
    if (extent[k] > extent[best]) best = k;
  return best;
}

void ck_small_map(int operation, const int64_t *extent, double *z, const int64_t *zs,
                  const double *a, const int64_t *as, const double *b, const int64_t *bs,
                  const double *c, const int64_t *cs) {
  int inner = longest(extent);
  run s = {extent[inner], zs[inner], as[inner], bs[inner], cs[inner]};
  CK_WALK(inner, {
    map_run(operation, s, z + dot5(at, zs), a + dot5(at, as), b + dot5(at, bs), c + dot5(at, cs));
  })
}

void ck_small_fold(int fold, double start, const int64_t *extent, double *z, const int64_t *zs,
                   const double *a, const int64_t *as) {
  CK_WALK(-1, { z[dot5(at, zs)] = start; })
  CK_WALK(-1, {
    double v = a[dot5(at, as)], *t = z + dot5(at, zs);
    if (fold == CK_FOLD_SUM) *t += v;
    else if (v != v || (fold == CK_FOLD_MAX ? v > *t : v < *t)) *t = *t != *t ? *t : v;
  })
}

/* What a part adds to the sum of squared deviations from the mean of all parts, of its shifted sums
   (Chan, Golub & LeVeque 1983); rounding must not make what is within it negative. With the mean known
   first, no division waits for another. */
static inline double about_mean(double n, double shift, double s1, double s2, double mean) {
  const double own = n > 0 ? s1 / n : 0, within = s2 - s1 * own, apart = shift + own - mean;
  return (within < 0 ? 0 : within) + n * (apart * apart);
}

/* Moments that are not merged, each from its own shifted sums. */
CK_CLONES static void unshift_run(run s, double *restrict z, int64_t zp, const double *restrict p,
                                  int64_t ap) {
  EACH(
    const double n = p[i * s.a], shift = p[i * s.a + ap], s1 = p[i * s.a + 2 * ap];
    const double mean = n > 0 ? shift + s1 / n : 0;
    z[i * s.z] = n;
    z[i * s.z + zp] = mean;
    z[i * s.z + 2 * zp] = about_mean(n, shift, s1, p[i * s.a + 3 * ap], mean);)
}
#pragma clang diagnostic pop

void ck_small_merge_moments(const int64_t *extent, double *z, int64_t zp, const int64_t *zs,
                            const double *a, int64_t ap, const int64_t *as) {
  int inner = longest(extent), merges = 0;
  for (int k = 0; k < CK_AXES; k++) merges |= extent[k] > 1 && zs[k] == 0;
  if (!merges) {
    const run s = {extent[inner], zs[inner], as[inner], 0, 0};
    CK_WALK(inner, { unshift_run(s, z + dot5(at, zs), zp, a + dot5(at, as), ap); })
    return;
  }
  int64_t kept[CK_AXES];
  for (int k = 0; k < CK_AXES; k++) kept[k] = zs[k] == 0 ? 1 : extent[k];
#define CK_KEPT(statements) \
  { \
    const int64_t *const extent = kept; \
    CK_WALK(-1, { double *t = z + dot5(at, zs); statements }) \
  }
  CK_KEPT(t[0] = t[zp] = t[2 * zp] = 0;)
  CK_WALK(-1, {
    double *t = z + dot5(at, zs);
    const double *p = a + dot5(at, as);
    t[0] += p[0];
    t[zp] += p[0] * p[ap] + p[2 * ap];
  })
  CK_KEPT(t[zp] = t[0] > 0 ? t[zp] / t[0] : 0;)
  CK_WALK(-1, {
    double *t = z + dot5(at, zs);
    const double *p = a + dot5(at, as);
    t[2 * zp] += about_mean(p[0], p[ap], p[2 * ap], p[3 * ap], t[zp]);
  })
#undef CK_KEPT
}

/* An overflowing or non-finite value has no remainder. */
#define CK_ROUND(zs, as, LOW) \
  for (int64_t i = 0; i < n; i++) { \
    double v = a[i * (as)], size = fabs(v); \
    float f = (float)v; \
    high[i * (zs)] = f; \
    if (LOW) low[i * (zs)] = f - f == 0 ? (float)(v - (double)f) : 0; \
    outside |= !(size <= CK_LARGEST_EXACT) | ((size < FLT_MIN) & (v != 0)); \
  }

CK_CLONES int ck_small_to_float(int64_t n, float *restrict high, float *restrict low, int64_t zs,
                                const double *restrict a, int64_t as) {
  int outside = 0;
  if (zs == 1 && as == 1) {
    if (low) { CK_ROUND(1, 1, 1) } else { CK_ROUND(1, 1, 0) }
  } else {
    CK_ROUND(zs, as, low)
  }
  return outside;
}

CK_CLONES void ck_merge_sums(double *restrict z, const double *restrict units, int64_t pitch,
                             int64_t count, int64_t n) {
  CK_VECTOR for (int64_t i = 0; i < n; i++) z[i] = units[i];
  for (int64_t u = 1; u < count; u++) {
    const double *p = units + u * pitch;
    CK_VECTOR for (int64_t i = 0; i < n; i++) z[i] += p[i];
  }
}

void ck_merge_extremes(double *z, const double *units, int64_t pitch, int64_t count, int64_t n,
                       int largest) {
  for (int64_t i = 0; i < n; i++) z[i] = largest ? -INFINITY : INFINITY;
  for (int64_t u = 0; u < count; u++)
    for (int64_t i = 0; i < n; i++) {
      double v = units[u * pitch + i];
      if (v != v || (largest ? v > z[i] : v < z[i])) z[i] = z[i] != z[i] ? z[i] : v;
    }
}

CK_CLONES void ck_merge_moments(double *restrict z, const double *restrict units, int64_t pitch,
                                int64_t count, int64_t n) {
  for (int64_t i = 0; i < 4 * n; i++) z[i] = 0;
  for (int64_t u = 0; u < count; u++) {
    const double *p = units + u * pitch;
    CK_VECTOR for (int64_t i = 0; i < n; i++) {
      z[i] += p[i];
      z[i + n] += p[i] * p[i + n] + p[i + 2 * n];
    }
  }
  CK_VECTOR for (int64_t i = 0; i < n; i++) z[i + n] = z[i] > 0 ? z[i + n] / z[i] : 0;
  for (int64_t u = 0; u < count; u++) {
    const double *p = units + u * pitch;
    CK_VECTOR for (int64_t i = 0; i < n; i++)
      z[i + 3 * n] += about_mean(p[i], p[i + n], p[i + 2 * n], p[i + 3 * n], z[i + n]);
  }
}

CK_CLONES void ck_load_doubles(double *restrict z, const float *restrict a, int64_t n) {
  CK_VECTOR for (int64_t i = 0; i < n; i++) z[i] = a[i];
}

CK_CLONES void ck_store_floats(float *restrict z, const double *restrict a, int64_t n,
                               int accumulate, int saturate) {
  if (accumulate) {
    CK_VECTOR for (int64_t i = 0; i < n; i++) z[i] = (float)(a[i] + (double)z[i]);
  } else if (saturate) {
    CK_VECTOR for (int64_t i = 0; i < n; i++) {
      double v = a[i];
      z[i] = (float)(v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : v);
    }
  } else {
    CK_VECTOR for (int64_t i = 0; i < n; i++) z[i] = (float)a[i];
  }
}

static void strided(float *packed, float *spread, int gather, int rank, const int64_t *shape,
                    const int64_t *strides) {
  int64_t at[8] = {0}, total = 1;
  for (int k = 0; k < rank; k++) total *= shape[k];
  for (int64_t i = 0; i < total; i++) {
    int64_t offset = 0;
    for (int k = 0; k < rank; k++) offset += at[k] * strides[k];
    if (gather) packed[i] = spread[offset];
    else spread[offset] = packed[i];
    for (int k = rank - 1; k >= 0; k--) {
      if (++at[k] < shape[k]) break;
      at[k] = 0;
    }
  }
}

void ck_gather(float *z, const float *a, int rank, const int64_t *shape, const int64_t *strides) {
  strided(z, (float *)a, 1, rank, shape, strides);
}

void ck_scatter(float *z, const float *a, int rank, const int64_t *shape, const int64_t *strides) {
  strided((float *)a, z, 0, rank, shape, strides);
}
