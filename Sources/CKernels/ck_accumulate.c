/* Reductions of tiles into accumulators of double: statistics stay right where float32 loses them. */
#include "ck_target.h"
#include "ck_tiles.h"

/* The value of an operand; a stride of 0 repeats it. */
#define AT(o, row, i) ((double)(row)[(i) * (o).inner_stride])

/* Sums over the inner axis in one go; the compiler may reorder, the thread count cannot. */
#define CK_ROW_LOOP(BODY) \
  if (A.inner_stride == 1) { \
    for (ptrdiff_t i = 0; i < n; i++) { double v = (double)ar[i]; BODY } \
  } else { \
    double v = (double)ar[0]; \
    for (ptrdiff_t i = 0; i < n; i++) { BODY } \
  }

CK_CLONES void ck_accumulate_sum(ck_accumulator acc, ck_operand A, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp reassociate(on)
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      double s = 0;
      CK_ROW_LOOP(s += v;)
      acc.data[r * acc.row_stride] += s;
    }
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    for (ptrdiff_t i0 = 0; i0 < n; i0 += 32) {
      ptrdiff_t m = n - i0 < 32 ? n - i0 : 32;
      double s[32];
      for (ptrdiff_t i = 0; i < m; i++) s[i] = acc.data[i0 + i];
      for (ptrdiff_t r = 0; r < rows; r++) {
        const float *ar = A.data + r * A.row_stride + i0;
        if (m == 32) for (ptrdiff_t i = 0; i < 32; i++) s[i] += (double)ar[i];
        else for (ptrdiff_t i = 0; i < m; i++) s[i] += (double)ar[i];
      }
      for (ptrdiff_t i = 0; i < m; i++) acc.data[i0 + i] = s[i];
    }
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      double *z = acc.data + r * acc.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) z[i] += AT(A, ar, i);
    }
  }
}

/* Products of two tiles, or of a tile and one number a row. */
CK_CLONES void ck_accumulate_dot(ck_accumulator acc, ck_operand A, ck_operand B, ptrdiff_t rows,
                                 ptrdiff_t n) {
#pragma clang fp reassociate(on) contract(fast)
  if (A.inner_stride == 0) {
    ck_operand swap = A;
    A = B;
    B = swap;
  }
  int vectors = A.inner_stride == 1 && B.inner_stride == 1;
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride;
      double s = 0;
      if (vectors) {
        for (ptrdiff_t i = 0; i < n; i++) s += (double)ar[i] * (double)br[i];
      } else {
        CK_ROW_LOOP(s += v;)
        s *= (double)br[0];
      }
      acc.data[r * acc.row_stride] += s;
    }
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    for (ptrdiff_t i0 = 0; i0 < n; i0 += 32) {
      ptrdiff_t m = n - i0 < 32 ? n - i0 : 32;
      double s[32];
      for (ptrdiff_t i = 0; i < m; i++) s[i] = acc.data[i0 + i];
      for (ptrdiff_t r = 0; r < rows; r++) {
        const float *ar = A.data + r * A.row_stride + i0;
        const float *br = B.data + r * B.row_stride + i0 * B.inner_stride;
        double b = (double)br[0];
        if (m == 32 && vectors) {
          for (ptrdiff_t i = 0; i < 32; i++) s[i] += (double)ar[i] * (double)br[i];
        } else if (m == 32) {
          for (ptrdiff_t i = 0; i < 32; i++) s[i] += (double)ar[i] * b;
        } else {
          for (ptrdiff_t i = 0; i < m; i++) s[i] += (double)ar[i] * AT(B, br, i);
        }
      }
      for (ptrdiff_t i = 0; i < m; i++) acc.data[i0 + i] = s[i];
    }
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride, *br = B.data + r * B.row_stride;
      double *z = acc.data + r * acc.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) z[i] += AT(A, ar, i) * AT(B, br, i);
    }
  }
}

/* The first value an accumulator sees is its shift: sums of differences from any one value of the
   slice keep the variance right to about N units in double's last place, whatever the mean. */
CK_CLONES void ck_accumulate_moments(ck_accumulator acc, ck_operand A, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp reassociate(on) contract(fast)
  double *count = acc.data, *shift = count + acc.plane, *s1 = shift + acc.plane,
         *s2 = s1 + acc.plane;
  if (acc.inner_stride == 0) {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      ptrdiff_t at = r * acc.row_stride;
      if (count[at] == 0) shift[at] = (double)ar[0];
      double k = shift[at], p = 0, q = 0;
      CK_ROW_LOOP(double d = v - k; p += d; q += d * d;)
      count[at] += (double)n;
      s1[at] += p;
      s2[at] += q;
    }
  } else if (acc.row_stride == 0 && A.inner_stride == 1) {
    for (ptrdiff_t i0 = 0; i0 < n; i0 += 16) {
      ptrdiff_t m = n - i0 < 16 ? n - i0 : 16;
      double k[16], p[16], q[16];
      for (ptrdiff_t i = 0; i < 16; i++) k[i] = p[i] = q[i] = 0;
      for (ptrdiff_t i = 0; i < m; i++) {
        if (count[i0 + i] == 0) shift[i0 + i] = (double)A.data[i0 + i];
        k[i] = shift[i0 + i];
      }
      for (ptrdiff_t r = 0; r < rows; r++) {
        const float *ar = A.data + r * A.row_stride + i0;
        if (m == 16) {
          for (ptrdiff_t i = 0; i < 16; i++) {
            double d = (double)ar[i] - k[i];
            p[i] += d;
            q[i] += d * d;
          }
        } else {
          for (ptrdiff_t i = 0; i < m; i++) {
            double d = (double)ar[i] - k[i];
            p[i] += d;
            q[i] += d * d;
          }
        }
      }
      for (ptrdiff_t i = 0; i < m; i++) {
        count[i0 + i] += (double)rows;
        s1[i0 + i] += p[i];
        s2[i0 + i] += q[i];
      }
    }
  } else {
    for (ptrdiff_t r = 0; r < rows; r++) {
      const float *ar = A.data + r * A.row_stride;
      for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t at = r * acc.row_stride + i;
        double v = AT(A, ar, i);
        if (count[at] == 0) shift[at] = v;
        double d = v - shift[at];
        count[at] += 1;
        s1[at] += d;
        s2[at] += d * d;
      }
    }
  }
}

/* NaN is kept, as in the element-wise operations. */
CK_CLONES void ck_accumulate_extreme(ck_accumulator acc, ck_operand A, int largest, ptrdiff_t rows,
                                     ptrdiff_t n) {
  double sign = largest ? 1 : -1;
  for (ptrdiff_t r = 0; r < rows; r++) {
    const float *ar = A.data + r * A.row_stride;
    double *z = acc.data + r * acc.row_stride;
    for (ptrdiff_t i = 0; i < n; i++) {
      double v = AT(A, ar, i), *at = z + i * acc.inner_stride;
      if (v != v || sign * v > sign * *at) *at = *at != *at ? *at : v;
    }
  }
}
