#include "ck_net_moments.h"

#include "ck_net_math.h"

/* Rows of channels: all channels side by side. */
CK_NET static void rows(
    long outer, long channels, const float *x, const double *shift, double *sum, double *square,
    float *top) {
  for (long o = 0; o < outer; o++) {
    const float *row = x + o * channels;
    for (long c = 0; c < channels; c++) {
      double value = row[c] - shift[c];
      sum[c] += value;
      square[c] += value * value;
      top[c] = row[c] > top[c] ? row[c] : top[c];
    }
  }
}

enum { LANES = 8 };

/* One channel's elements one after the other, in lanes. */
CK_NET static void run(
    long n, const float *x, double shift, double *sum, double *square, float *top) {
  double sums[LANES] = {0}, squares[LANES] = {0};
  float tops[LANES];
  for (long j = 0; j < LANES; j++) tops[j] = *top;
  long whole = n / LANES * LANES;
  for (long i = 0; i < whole; i += LANES)
    for (long j = 0; j < LANES; j++) {
      double value = x[i + j] - shift;
      sums[j] += value;
      squares[j] += value * value;
      tops[j] = x[i + j] > tops[j] ? x[i + j] : tops[j];
    }
  for (long i = whole; i < n; i++) {
    double value = x[i] - shift;
    sums[0] += value;
    squares[0] += value * value;
    tops[0] = x[i] > tops[0] ? x[i] : tops[0];
  }
  for (long j = 0; j < LANES; j++) {
    *sum += sums[j];
    *square += squares[j];
    *top = tops[j] > *top ? tops[j] : *top;
  }
}

void ck_net_channel_moments(
    long outer, long channels, long inner, const float *x, double *shift, double *sum, double *square,
    float *top) {
  if (outer == 0 || inner == 0) return;
  for (long c = 0; c < channels; c++) shift[c] = x[c * inner];
  if (inner == 1) {
    rows(outer, channels, x, shift, sum, square, top);
    return;
  }
  for (long o = 0; o < outer; o++)
    for (long c = 0; c < channels; c++)
      run(inner, x + (o * channels + c) * inner, shift[c], sum + c, square + c, top + c);
}
