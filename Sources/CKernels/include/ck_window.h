#ifndef CK_WINDOW_H
#define CK_WINDOW_H
#include <stdint.h>

/* z[o][i][k] = sum of a[o][j][k] for j from i - before to i + after, as far as there are such. */
void ck_window(
    float *z, const float *a, int64_t outer, int64_t n, int64_t inner, int64_t before, int64_t after);

#endif
