/* The functions of ck_functions.h for numbers, written so that loops over them are vectorised. */
#ifndef CK_MATH_H
#define CK_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float ck_float;
typedef uint32_t ck_uint;
typedef double ck_double;
typedef uint64_t ck_ulong;

#define CK_INLINE static inline __attribute__((always_inline, unused))
#define ck_f(x) (x)
#define ck_d(x) (x)
#define ck_if(k, a, b) ((k) ? (a) : (b))
#define ck_if_double(k, a, b) ((k) ? (a) : (b))
#define ck_min(a, b) ((a) < (b) ? (a) : (b))
#define ck_max(a, b) ((a) > (b) ? (a) : (b))
#define ck_in_double(f, a, b) ((float)f((double)(a), (double)(b)))
#define ck_infinity INFINITY
#define ck_nan NAN

CK_INLINE ck_uint ck_float_bits(ck_float x) {
  ck_uint bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
CK_INLINE ck_float ck_bits_float(ck_uint bits) {
  ck_float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
CK_INLINE ck_ulong ck_double_bits(ck_double x) {
  ck_ulong bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
CK_INLINE ck_double ck_bits_double(ck_ulong bits) {
  ck_double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define CK_FUNCTION(...) __VA_ARGS__
#include "ck_functions.h"
#undef CK_FUNCTION

#endif
