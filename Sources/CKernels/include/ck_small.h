/* Arithmetic on small arrays of doubles: statistics, parameters, and what is derived from them.
   Arrays have up to five axes (chunk, sample, space, group, member); a stride of 0 repeats. */
#ifndef CK_SMALL_H
#define CK_SMALL_H

#include <stdint.h>

#define CK_AXES 5
/* 2^63: beyond it, one over a root is of squares below 1e-38, which floats lose. */
#define CK_LARGEST_EXACT 0x1p63

/* z = operation(a, b, c), element by element. */
void ck_small_map(int operation, const int64_t extent[CK_AXES], double *z,
                  const int64_t zs[CK_AXES], const double *a, const int64_t as[CK_AXES],
                  const double *b, const int64_t bs[CK_AXES], const double *c,
                  const int64_t cs[CK_AXES]);

/* The same along one axis only. */
void ck_small_map_line(int operation, int64_t n, double *z, int64_t zs, const double *a, int64_t as,
                       const double *b, int64_t bs, const double *c, int64_t cs);

enum { CK_FOLD_SUM, CK_FOLD_MAX, CK_FOLD_MIN };
/* z = fold of a over the axes along which zs is 0; z is first set to `start`. */
void ck_small_fold(int fold, double start, const int64_t extent[CK_AXES], double *z,
                   const int64_t zs[CK_AXES], const double *a, const int64_t as[CK_AXES]);

/* Merges moments a (count, shift, sum, sum of squares; arrays `a_plane` apart) into mean and m2 of z
   (arrays count, mean, m2 `z_plane` apart), in order, over the axes along which zs is 0. */
void ck_small_merge_moments(const int64_t extent[CK_AXES], double *z, int64_t z_plane,
                            const int64_t zs[CK_AXES], const double *a, int64_t a_plane,
                            const int64_t as[CK_AXES]);

/* Rounds n doubles to floats; `low`, when not NULL, gets what rounding lost. Returns whether one lies
   outside the range in which native code and tiles of float are exact: below float's smallest normal
   number, not finite, or so large that the squares it is one over the root of may have vanished. */
int ck_small_to_float(int64_t n, float *restrict high, float *restrict low, int64_t zs,
                      const double *restrict a, int64_t as);

/* The sums of acc[i] of `count` accumulators, one or more, `pitch` apart, in order, in z. */
void ck_merge_sums(double *restrict z, const double *restrict units, int64_t pitch, int64_t count,
                   int64_t n);
/* The same for extremes. */
void ck_merge_extremes(double *z, const double *units, int64_t pitch, int64_t count, int64_t n,
                       int largest);
/* The same for moments: planes of n elements; z receives one merged set of the same form. */
void ck_merge_moments(double *z, const double *units, int64_t pitch, int64_t count, int64_t n);

/* z[i] = a[i]. */
void ck_load_doubles(double *restrict z, const float *restrict a, int64_t n);

/* z[i] = (accumulate ? z[i] : 0) + a[i], held to float's finite range when `saturate`. */
void ck_store_floats(float *restrict z, const double *restrict a, int64_t n, int accumulate,
                     int saturate);

/* Copies a strided tensor of `rank` axes to C order (gather) or back (scatter). */
void ck_gather(float *z, const float *a, int rank, const int64_t *shape, const int64_t *strides);
void ck_scatter(float *z, const float *a, int rank, const int64_t *shape, const int64_t *strides);

#endif
