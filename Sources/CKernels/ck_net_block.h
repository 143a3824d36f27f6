/* Products of small matrices that stay in cache, zero-padded to whole blocks. */
#ifndef CK_NET_BLOCK_H
#define CK_NET_BLOCK_H

#include "ck_net_math.h"

typedef float ck_v16 __attribute__((vector_size(64), aligned(4), may_alias));

enum { CK_ROWS = 8, CK_LANES = 16 };

CK_NET_INLINE long ck_net_padded(long n) { return (n + CK_LANES - 1) / CK_LANES * CK_LANES; }

/* CK_ROWS rows by `vectors` vectors of c, held in registers. */
CK_NET_INLINE void ck_net_block(
    int vectors, long k, const float *a, long row, long step, const float *b, long ldb, float *c,
    long ldc, int add) {
#pragma clang fp contract(fast)
  ck_v16 sum[CK_ROWS][2];
  for (int r = 0; r < CK_ROWS; r++)
    for (int j = 0; j < vectors; j++)
      sum[r][j] = add ? *(const ck_v16 *)(c + r * ldc + j * CK_LANES) : (ck_v16){0};
  for (long p = 0; p < k; p++) {
    ck_v16 x[2];
    for (int j = 0; j < vectors; j++) x[j] = *(const ck_v16 *)(b + p * ldb + j * CK_LANES);
    for (int r = 0; r < CK_ROWS; r++)
      for (int j = 0; j < vectors; j++) sum[r][j] += a[r * row + p * step] * x[j];
  }
  for (int r = 0; r < CK_ROWS; r++)
    for (int j = 0; j < vectors; j++) *(ck_v16 *)(c + r * ldc + j * CK_LANES) = sum[r][j];
}

/* c = a b, or c += a b with `add`: m is a multiple of CK_ROWS, n of CK_LANES. Element (i, p) of a lies at
 * i * row + p * step, so that a may be read transposed. */
CK_NET_INLINE void ck_net_product(
    long m, long n, long k, const float *a, long row, long step, const float *b, long ldb,
    float *c, long ldc, int add) {
  for (long j = 0; j < n; j += 2 * CK_LANES)
    for (long i = 0; i < m; i += CK_ROWS) {
      if (n - j >= 2 * CK_LANES)
        ck_net_block(2, k, a + i * row, row, step, b + j, ldb, c + i * ldc + j, ldc, add);
      else
        ck_net_block(1, k, a + i * row, row, step, b + j, ldb, c + i * ldc + j, ldc, add);
    }
}

#endif
