/* Sums over neighbours along one axis. */
#ifndef CK_WINDOW_H
#define CK_WINDOW_H

#include <stdint.h>

/* Arrays [outer][n][inner] and the neighbours that are summed: `before` to `after` positions along n. */
typedef struct {
  int64_t outer, n, inner, before, after;
} ck_window;

/* z = the sums; beyond the edges there is nothing. Summed in double; the same on any number of threads. */
void ck_window_floats(float *z, const float *a, const ck_window *w, int32_t threads);
void ck_window_doubles(double *z, const double *a, const ck_window *w, int32_t threads);

#endif
