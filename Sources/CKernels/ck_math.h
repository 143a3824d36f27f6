/* exp, tanh and sigmoid without branches, so that loops over them are vectorised.
   They work in double and are rounded once: within one unit in the last place of float. */
#ifndef CK_MATH_H
#define CK_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* e^x for any x: 2^n e^r with |r| <= ln2 / 2 and the Taylor polynomial of e^r. */
static inline __attribute__((always_inline)) double ck_exp(double x) {
  double held = x < -700.0 ? -700.0 : x > 700.0 ? 700.0 : x;
  double n = __builtin_rint(held * 1.4426950408889634074);
  double r = (held - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  double p = 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  /* Adding 2^52 * 1.5 leaves n + bias in the low bits; shifted up they are the exponent. */
  double biased = n + 1023.0 + 6755399441055744.0;
  uint64_t bits;
  memcpy(&bits, &biased, 8);
  bits <<= 52;
  double scale;
  memcpy(&scale, &bits, 8);
  double y = p * scale;
  y = x > 709.0 ? INFINITY : x < -708.0 ? 0.0 : y;
  return x != x ? x : y;
}

static inline __attribute__((always_inline)) double ck_sigmoid(double x) {
  return 1.0 / (1.0 + ck_exp(-x));
}

/* Near 0 the series keeps the relative error small. */
static inline __attribute__((always_inline)) double ck_tanh(double x) {
  double y = 1.0 - 2.0 / (ck_exp(2.0 * x) + 1.0);
  double s = x * x;
  double series = x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0)));
  return s < 1e-6 ? series : y;
}

#endif
