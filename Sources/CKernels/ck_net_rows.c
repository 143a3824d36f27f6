#include "ck_net_rows.h"

#include <math.h>

#include "ck_net_math.h"

CK_NET void ck_net_fill_rows(long rows, long columns, long stride, const float *row, float *y) {
  for (long r = 0; r < rows; r++)
    for (long c = 0; c < columns; c++) y[r * stride + c] = row[c];
}

CK_NET void ck_net_copy_rows(
    long rows, long columns, const float *x, long from, float *y, long to) {
  for (long r = 0; r < rows; r++) memcpy(y + r * to, x + r * from, sizeof(float) * (size_t)columns);
}

enum { COLUMNS = 64, ROWS = 64 };

/* Sums of 64 rows are added to the total, so that rounding errors grow with the blocks, not the rows. */
CK_NET void ck_net_column_sum(
    long rows, long columns, long stride, float factor, const float *x, float *out) {
  for (long c = 0; c < columns; c += COLUMNS) {
    long width = columns - c < COLUMNS ? columns - c : COLUMNS;
    float total[COLUMNS] = {0};
    for (long r = 0; r < rows; r += ROWS) {
      long end = r + ROWS < rows ? r + ROWS : rows;
      float sum[COLUMNS] = {0};
      if (width == COLUMNS) {
        for (long i = r; i < end; i++)
          for (long j = 0; j < COLUMNS; j++) sum[j] += x[i * stride + c + j];
      } else {
        for (long i = r; i < end; i++)
          for (long j = 0; j < width; j++) sum[j] += x[i * stride + c + j];
      }
      for (long j = 0; j < COLUMNS; j++) total[j] += sum[j];
    }
    for (long j = 0; j < width; j++) out[c + j] = total[j] * factor;
  }
}

CK_NET void ck_net_merge(long n, long parts, long stride, const float *x, float *y) {
  for (long c = 0; c < n; c += COLUMNS) {
    long width = n - c < COLUMNS ? n - c : COLUMNS;
    float sum[COLUMNS] = {0};
    for (long p = 0; p < parts; p++)
      for (long j = 0; j < width; j++) sum[j] += x[p * stride + c + j];
    for (long j = 0; j < width; j++) y[c + j] = sum[j];
  }
}

CK_NET void ck_net_softmax_loss(
    long rows, long columns, const float *x, const int32_t *labels, float factor, float *dx,
    double *loss, long *correct) {
  for (long r = 0; r < rows; r++) {
    const float *row = x + r * columns;
    long best = 0;
    for (long c = 1; c < columns; c++)
      if (row[c] > row[best]) best = c;
    float top = row[best];
    double sum = 0;
    if (dx) {
      float *g = dx + r * columns;
      for (long c = 0; c < columns; c++) g[c] = ck_exp(row[c] - top);
      for (long c = 0; c < columns; c++) sum += g[c];
      float share = (float)(factor / sum);
      for (long c = 0; c < columns; c++) g[c] *= share;
      g[labels[r]] -= factor;
    } else {
      for (long c = 0; c < columns; c++) sum += ck_exp(row[c] - top);
    }
    *loss += log(sum) - ((double)row[labels[r]] - top);
    *correct += best == labels[r];
  }
}
