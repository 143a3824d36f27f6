/* Reductions of tiles into accumulators of double. A few terms are added in float, then in double; what
   overflows or vanishes in float is added again in double alone. */
#include "ck_line.h"
#include "ck_target.h"
#include "ck_tiles.h"

/* Terms of a chain in float: four keep sums of 65536 values within 2e-7. */
enum { TERMS = 4, CHAINS = 2 };

/* Two sums p and q of a few lines of a row, from i on. */
#define CHAINS_OF_ROW(ADD) \
  ptrdiff_t end = i + CHAINS * TERMS * CK_LINE_FLOATS; \
  if (end > whole) end = whole; \
  ck_line p[CHAINS] = {{0}}, q[CHAINS] = {{0}}; \
  for (; i + CHAINS * CK_LINE_FLOATS <= end; i += CK_LINE_FLOATS) { \
    ADD(0) \
    i += CK_LINE_FLOATS; \
    ADD(1) \
  } \
  for (; i < end; i += CK_LINE_FLOATS) ADD(0)

/* The same of a line's columns in a few rows, from r on. */
#define CHAINS_OF_COLUMNS(OPERANDS_OF_ROW, ADD) \
  ptrdiff_t end = r + CHAINS * TERMS < rows ? r + CHAINS * TERMS : rows; \
  ck_line p[CHAINS] = {{0}}, q[CHAINS] = {{0}}; \
  for (; r + CHAINS <= end; r++) { \
    { OPERANDS_OF_ROW ADD(0) } \
    r++; \
    { OPERANDS_OF_ROW ADD(1) } \
  } \
  for (; r < end; r++) { OPERANDS_OF_ROW ADD(0) }

#define NUMBER(o) ((double)o.data[r * o.row_stride + i * o.inner_stride])

static int is_finite(double x) { return x - x == 0; }
/* A sum of squares so small that squares may have vanished. */
static int is_vanishing(double x) { return x < 1e-30; }
static int has_infinite(ck_wide_line v) { return !is_finite(ck_total(v - v)); }

/* What two chains hold, in double. */
CK_INLINE_LINE ck_wide_line halves(const ck_line *chains) {
  return (ck_low_half(chains[0]) + ck_low_half(chains[1])) +
         (ck_high_half(chains[0]) + ck_high_half(chains[1]));
}

static void add_wide(double *z, ck_wide_line low, ck_wide_line high) {
  ck_wide_line *w = (ck_wide_line *)z;
  w[0] += low;
  w[1] += high;
}

/* --- sums of products and of their first factors --- */

/* In double, number by number, whatever the strides. */
static void exact_sums(const ck_sums *s, ptrdiff_t from, ptrdiff_t to, ptrdiff_t start, ptrdiff_t end) {
  const ck_fused *v = &s->values;
  const ck_operand a = v->a, b = v->b, c = v->c, d = v->d, e = v->e, f = v->f;
  for (ptrdiff_t r = from; r < to; r++) {
    for (ptrdiff_t i = start; i < end; i++) {
      double first = NUMBER(e) * NUMBER(f);
      if (s->products.data)
        s->products.data[r * s->products.row_stride + i * s->products.inner_stride] +=
            first * CK_CENTER(NUMBER(a), NUMBER(b), NUMBER(c), NUMBER(d));
      if (s->firsts.data)
        s->firsts.data[r * s->firsts.row_stride + i * s->firsts.inner_stride] += first;
    }
  }
}

/* What is known when a variant is compiled: how operands vary, and which sums are wanted. */
typedef struct {
  int stats, factors; /* -1: there are none */
  int products, firsts;
} variant;

#define FIRST \
  (k.factors < 0 ? ck_load_line(e_row + i) \
                 : ck_load_line(e_row + i) * CK_LINE_AT(f, k.factors == 1))
#define SECOND \
  (k.stats < 0 ? ck_load_line(a_row + i) \
               : CK_CENTER(ck_load_line(a_row + i), CK_LINE_AT(b, k.stats == 1), \
                           CK_LINE_AT(c, k.stats == 1), CK_LINE_AT(d, k.stats == 1)))
#define ADD(chain) \
  { \
    ck_line first = FIRST; \
    if (k.products) p[chain] += first * SECOND; \
    if (k.firsts) q[chain] += first; \
  }
#define OPERANDS \
  const ck_operand a = s->values.a, b = s->values.b, c = s->values.c, d = s->values.d, \
                   e = s->values.e, f = s->values.f;
#define ROWS \
  CK_ROW(a) CK_ROW(b) CK_ROW(c) CK_ROW(d) CK_ROW(e) CK_ROW(f) \
  CK_ALL(b) CK_ALL(c) CK_ALL(d) CK_ALL(f)

CK_INLINE_LINE void sums_of_rows(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n, const variant k) {
#pragma clang fp contract(fast)
  OPERANDS
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  for (ptrdiff_t r = 0; r < rows; r++) {
    ROWS
    ck_wide_line products = {0}, firsts = {0};
    for (ptrdiff_t i = 0; i < whole;) {
      CHAINS_OF_ROW(ADD)
      if (k.products) products += halves(p);
      if (k.firsts) firsts += halves(q);
    }
    double p = ck_total(products), q = ck_total(firsts);
    if (!is_finite(p) || !is_finite(q) || (s->is_square && is_vanishing(p))) {
      exact_sums(s, r, r + 1, 0, n);
      continue;
    }
    if (k.products) s->products.data[r * s->products.row_stride] += p;
    if (k.firsts) s->firsts.data[r * s->firsts.row_stride] += q;
    if (whole < n) exact_sums(s, r, r + 1, whole, n);
  }
}

CK_INLINE_LINE void sums_of_columns(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n, const variant k) {
#pragma clang fp contract(fast)
  OPERANDS
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  for (ptrdiff_t i = 0; i < whole; i += CK_LINE_FLOATS) {
    ck_wide_line products[2] = {{0}}, firsts[2] = {{0}};
    for (ptrdiff_t r = 0; r < rows;) {
      CHAINS_OF_COLUMNS(ROWS, ADD)
      if (k.products) {
        products[0] += ck_low_half(p[0] + p[1]);
        products[1] += ck_high_half(p[0] + p[1]);
      }
      if (k.firsts) {
        firsts[0] += ck_low_half(q[0] + q[1]);
        firsts[1] += ck_high_half(q[0] + q[1]);
      }
    }
    int again = has_infinite(products[0] + products[1] + firsts[0] + firsts[1]);
    if (s->is_square) {
      for (int j = 0; j < 8; j++)
        again |= is_vanishing(products[0][j]) | is_vanishing(products[1][j]);
    }
    if (again) {
      exact_sums(s, 0, rows, i, i + CK_LINE_FLOATS);
      continue;
    }
    if (k.products) add_wide(s->products.data + i, products[0], products[1]);
    if (k.firsts) add_wide(s->firsts.data + i, firsts[0], firsts[1]);
  }
  if (whole < n) exact_sums(s, 0, rows, whole, n);
}

/* What a row adds, and to what. */
static ck_sums row_of(const ck_sums *s, ptrdiff_t r) {
  ck_sums one = *s;
  ck_operand *all[] = {&one.values.a, &one.values.b, &one.values.c,
                       &one.values.d, &one.values.e, &one.values.f};
  for (int k = 0; k < 6; k++) all[k]->data += r * all[k]->row_stride;
  if (one.products.data) one.products.data += r * one.products.row_stride;
  if (one.firsts.data) one.firsts.data += r * one.firsts.row_stride;
  return one;
}

typedef void (*sums_function)(const ck_sums *, ptrdiff_t, ptrdiff_t);

#define VARIANT(name, stats, factors, products, firsts) \
  CK_CLONES static void rows_##name(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n) { \
    sums_of_rows(s, rows, n, (variant){stats, factors, products, firsts}); \
  } \
  CK_CLONES static void columns_##name(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n) { \
    sums_of_columns(s, rows, n, (variant){stats, factors, products, firsts}); \
  }
VARIANT(firsts_bare, -1, -1, 0, 1)
VARIANT(firsts_row, -1, 0, 0, 1)
VARIANT(firsts_column, -1, 1, 0, 1)
VARIANT(products_bare, -1, -1, 1, 0)
VARIANT(products_row_row, 0, 0, 1, 0)
VARIANT(products_row_column, 0, 1, 1, 0)
VARIANT(products_column_column, 1, 1, 1, 0)
VARIANT(both_bare, -1, -1, 1, 1)
VARIANT(both_row_row, 0, 0, 1, 1)
VARIANT(both_row_column, 0, 1, 1, 1)
VARIANT(both_column_column, 1, 1, 1, 1)

void ck_accumulate_sums(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n) {
  const ck_accumulator *acc = s->firsts.data ? &s->firsts : &s->products;
  const int across_rows = acc->inner_stride == 0;
  if (s->values.e.inner_stride != 1 || (s->products.data && s->values.a.inner_stride != 1) ||
      (!across_rows && acc->inner_stride != 1)) {
    exact_sums(s, 0, rows, 0, n);
    return;
  }
  if (!across_rows && acc->row_stride != 0 && rows > 1) {
    /* Each row has sums of its own. */
    for (ptrdiff_t r = 0; r < rows; r++) {
      ck_sums one = row_of(s, r);
      ck_accumulate_sums(&one, 1, n);
    }
    return;
  }
#define PAIR(name) {rows_##name, columns_##name}
  static const sums_function firsts[3][2] = {PAIR(firsts_bare), PAIR(firsts_row), PAIR(firsts_column)};
  static const sums_function products[2][4][2] = {
      {PAIR(products_bare), PAIR(products_row_row), PAIR(products_row_column),
       PAIR(products_column_column)},
      {PAIR(both_bare), PAIR(both_row_row), PAIR(both_row_column), PAIR(both_column_column)}};
  int kind = s->is_bare ? 0 : s->values.stats_vary ? 3 : s->values.factors_vary ? 2 : 1;
  if (s->products.data) products[s->firsts.data != 0][kind][!across_rows](s, rows, n);
  else firsts[s->is_bare ? 0 : s->values.factors_vary ? 2 : 1][!across_rows](s, rows, n);
}

/* --- moments --- */

static float less(float a, float b) { return a < b ? a : b; }
static float more(float a, float b) { return a < b ? b : a; }

/* No difference from infinity is a number. */
static double finite_or_zero(float x) { return is_finite((double)x) ? (double)x : 0; }

/* Differences from a shift near the mean keep the variance right whatever the mean: half way
   between the middle two of the first four values that an accumulator sees, so that one outlier is no
   harm; of three the middle one, of two, as a guess, the one nearer to 0. */
static double shift_of(ck_operand a, ptrdiff_t step, ptrdiff_t at, ptrdiff_t count) {
  float v[4];
  for (ptrdiff_t j = 0; j < 4 && j < count; j++) v[j] = a.data[at + j * step];
  if (count < 2) return finite_or_zero(v[0]);
  if (count == 2) return finite_or_zero(more(v[0], -v[0]) < more(v[1], -v[1]) ? v[0] : v[1]);
  if (count == 3)
    return finite_or_zero(more(less(v[0], v[1]), less(more(v[0], v[1]), v[2])));
  float low = more(less(v[0], v[1]), less(v[2], v[3]));
  float high = less(more(v[0], v[1]), more(v[2], v[3]));
  return finite_or_zero(low * 0.5f + high * 0.5f);
}

static void exact_moments(ck_accumulator acc, ck_operand A, ptrdiff_t from, ptrdiff_t to,
                          ptrdiff_t start, ptrdiff_t end) {
  double *shift = acc.data + acc.plane, *s1 = shift + acc.plane, *s2 = s1 + acc.plane;
  for (ptrdiff_t r = from; r < to; r++) {
    for (ptrdiff_t i = start; i < end; i++) {
      ptrdiff_t at = r * acc.row_stride + i * acc.inner_stride;
      double d = (double)A.data[r * A.row_stride + i * A.inner_stride] - shift[at];
      s1[at] += d;
      s2[at] += d * d;
    }
  }
}

#define ADD_MOMENT(chain) \
  { \
    ck_line g = ck_load_line(a_row + i) - k; \
    p[chain] += g; \
    q[chain] += g * g; \
  }

CK_INLINE_LINE void moments_of_rows(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp contract(fast)
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  double *shift = acc.data + acc.plane, *s1 = shift + acc.plane, *s2 = s1 + acc.plane;
  for (ptrdiff_t r = 0; r < rows; r++) {
    CK_ROW(a)
    const ptrdiff_t at = r * acc.row_stride;
    if (acc.data[at] == 0) shift[at] = shift_of(a, 1, r * a.row_stride, n);
    acc.data[at] += (double)n;
    const ck_line k = ck_fill_line((float)shift[at]);
    ck_wide_line sum = {0}, squares = {0};
    for (ptrdiff_t i = 0; i < whole;) {
      CHAINS_OF_ROW(ADD_MOMENT)
      sum += halves(p);
      squares += halves(q);
    }
    double p = ck_total(sum), q = ck_total(squares);
    if (!is_finite(q) || is_vanishing(q)) {
      exact_moments(acc, a, r, r + 1, 0, n);
      continue;
    }
    s1[at] += p;
    s2[at] += q;
    if (whole < n) exact_moments(acc, a, r, r + 1, whole, n);
  }
}

CK_INLINE_LINE void moments_of_columns(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp contract(fast)
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  double *count = acc.data, *shift = count + acc.plane, *s1 = shift + acc.plane, *s2 = s1 + acc.plane;
  if (rows <= 0) return;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (count[i] == 0) shift[i] = shift_of(a, a.row_stride, i, rows);
    count[i] += (double)rows;
  }
  for (ptrdiff_t i = 0; i < whole; i += CK_LINE_FLOATS) {
    ck_line k;
    for (int j = 0; j < CK_LINE_FLOATS; j++) k[j] = (float)shift[i + j];
    ck_wide_line sum[2] = {{0}}, squares[2] = {{0}};
    for (ptrdiff_t r = 0; r < rows;) {
      CHAINS_OF_COLUMNS(CK_ROW(a), ADD_MOMENT)
      sum[0] += ck_low_half(p[0] + p[1]);
      sum[1] += ck_high_half(p[0] + p[1]);
      squares[0] += ck_low_half(q[0] + q[1]);
      squares[1] += ck_high_half(q[0] + q[1]);
    }
    int again = has_infinite(squares[0] + squares[1]);
    for (int j = 0; j < 8; j++)
      again |= (is_vanishing(squares[0][j]) & ((squares[0][j] != 0) | (sum[0][j] != 0))) |
               (is_vanishing(squares[1][j]) & ((squares[1][j] != 0) | (sum[1][j] != 0)));
    if (again) {
      exact_moments(acc, a, 0, rows, i, i + CK_LINE_FLOATS);
      continue;
    }
    add_wide(s1 + i, sum[0], sum[1]);
    add_wide(s2 + i, squares[0], squares[1]);
  }
  if (whole < n) exact_moments(acc, a, 0, rows, whole, n);
}

CK_CLONES static void rows_moments(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
  moments_of_rows(acc, a, rows, n);
}
CK_CLONES static void columns_moments(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
  moments_of_columns(acc, a, rows, n);
}

void ck_accumulate_moments(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
  if (a.inner_stride == 1 && acc.inner_stride == 0) {
    rows_moments(acc, a, rows, n);
  } else if (a.inner_stride == 1 && acc.row_stride == 0) {
    columns_moments(acc, a, rows, n);
  } else {
    double *shift = acc.data + acc.plane;
    for (ptrdiff_t r = 0; r < rows; r++) {
      for (ptrdiff_t i = 0; i < n; i++) {
        ptrdiff_t at = r * acc.row_stride + i * acc.inner_stride;
        if (acc.data[at] == 0)
          shift[at] = finite_or_zero(a.data[r * a.row_stride + i * a.inner_stride]);
        acc.data[at] += 1;
      }
    }
    exact_moments(acc, a, 0, rows, 0, n);
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
      double v = (double)ar[i * A.inner_stride], *at = z + i * acc.inner_stride;
      if (v != v || sign * v > sign * *at) *at = *at != *at ? *at : v;
    }
  }
}
