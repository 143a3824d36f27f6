/* Reductions of tiles into accumulators of double. A few terms are added in float, then in double; what
   overflows in float, and squares that vanish there, are added again in double alone. */
#include "ck_line.h"
#include "ck_target.h"
#include "ck_tiles.h"

/* Terms of a chain in float: four keep sums of 65536 values within 2e-7, eight those of rows of 1024. */
enum { TERMS = 4, CHAINS = 2, SHORT = 1024 };

/* Two sums p and q of a few lines of a row, from i on; of rows up to some length, twice as many. Not of
   those that twins share: many rows may add to one number, where equal terms round the same way. */
#define CHAINS_OF_ROW(short_rows, ADD) \
  ptrdiff_t end = i + (n <= (short_rows) ? 2 : 1) * CHAINS * TERMS * CK_LINE_FLOATS; \
  if (end > whole) end = whole; \
  ck_line p[CHAINS] = {{0}}, q[CHAINS] = {{0}}; \
  for (; i + CHAINS * CK_LINE_FLOATS <= end; i += CK_LINE_FLOATS) { \
    ADD(0) \
    i += CK_LINE_FLOATS; \
    ADD(1) \
  } \
  for (; i < end; i += CK_LINE_FLOATS) ADD(0)

/* The same of the columns of a few lines in a few rows, from r on: four rows a chain. */
#define CHAIN_OF_COLUMNS(chain, OPERANDS_OF_ROW, ADD) \
  for (ptrdiff_t end = r + TERMS < rows ? r + TERMS : rows; r < end; r++) { \
    OPERANDS_OF_ROW \
    for (int j = 0; j < lines; j++) { \
      const ptrdiff_t i = start + j * CK_LINE_FLOATS; \
      ADD(chain, j) \
    } \
  }
#define CHAINS_OF_COLUMNS(OPERANDS_OF_ROW, ADD) \
  ck_line p[CHAINS][CK_LINES] = {{{0}}}, q[CHAINS][CK_LINES] = {{{0}}}; \
  CHAIN_OF_COLUMNS(0, OPERANDS_OF_ROW, ADD) \
  CHAIN_OF_COLUMNS(1, OPERANDS_OF_ROW, ADD)

#define NUMBER(o) ((double)o.data[r * o.row_stride + i * o.inner_stride])

static int is_finite(double x) { return x - x == 0; }
/* A sum of squares so small that squares may have vanished. */
static int is_vanishing(double x) { return x < 1e-30; }
static int has_infinite(ck_wide_line v) { return !is_finite(ck_total(v - v)); }

/* A line's two halves in double, as one; and what two chains hold. */
CK_INLINE_LINE ck_wide_line folded(ck_line v) { return ck_low_half(v) + ck_high_half(v); }
CK_INLINE_LINE ck_wide_line halves(const ck_line *chains) { return folded(chains[0] + chains[1]); }

/* Adds a line to sums in double; and those sums to others. */
CK_INLINE_LINE void add_wide(ck_wide_line *sums, ck_line v) {
  sums[0] += ck_low_half(v);
  sums[1] += ck_high_half(v);
}
CK_INLINE_LINE void add_sums(double *z, const ck_wide_line *sums) {
  ck_wide_line *w = (ck_wide_line *)z;
  w[0] += sums[0];
  w[1] += sums[1];
}

/* --- sums of products and of their first factors --- */

/* In double, number by number, whatever the strides. */
static void exact_sums_of_one(const ck_sums *s, ptrdiff_t from, ptrdiff_t to, ptrdiff_t start,
                              ptrdiff_t end) {
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

static void exact_sums(const ck_sums *s, ptrdiff_t from, ptrdiff_t to, ptrdiff_t start, ptrdiff_t end) {
  for (; s; s = s->twin) exact_sums_of_one(s, from, to, start, end);
}

/* What is known when a variant is compiled: how operands vary, which sums are wanted, and whether twins
   share them, so that d and f come last. */
typedef struct {
  int stats, factors; /* -1: there are none */
  int products, firsts;
  int shared;
} variant;

#define FIRST \
  (k.factors < 0 ? ck_load_line(e_row + i) \
                 : ck_load_line(e_row + i) * CK_LINE_AT(f, k.factors == 1))
#define SECOND \
  (k.stats < 0 ? ck_load_line(a_row + i) \
   : k.shared \
     ? (ck_load_line(a_row + i) - CK_LINE_AT(b, k.stats == 1)) - CK_LINE_AT(c, k.stats == 1) \
     : CK_CENTER(ck_load_line(a_row + i), CK_LINE_AT(b, k.stats == 1), CK_LINE_AT(c, k.stats == 1), \
                 CK_LINE_AT(d, k.stats == 1)))
#define ADD_TO(sum, other) \
  { \
    ck_line first = FIRST; \
    if (k.products) sum += first * SECOND; \
    if (k.firsts) other += first; \
  }
#define ADD(chain) ADD_TO(p[chain], q[chain])
#define ADD_COLUMNS(chain, j) ADD_TO(p[chain][j], q[chain][j])
#define OPERANDS \
  const ck_operand a = s->values.a, b = s->values.b, c = s->values.c, d = s->values.d, \
                   e = s->values.e, f = s->values.f;
#define ROWS \
  CK_ROW(a) CK_ROW(b) CK_ROW(c) CK_ROW(d) CK_ROW(e) CK_ROW(f) \
  CK_ALL(b) CK_ALL(c) CK_ALL(d) CK_ALL(f)

/* What twins share goes to each with its own factors: what row r has one of, and a line of columns from i
   on. */
static void add_row_to_twins(const ck_sums *s, ptrdiff_t r, double products, double firsts) {
  for (; s; s = s->twin) {
    const ck_operand d = s->values.d, f = s->values.f;
    const double factor = (double)f.data[r * f.row_stride];
    if (s->products.data)
      s->products.data[r * s->products.row_stride] +=
          products * factor * (double)d.data[r * d.row_stride];
    if (s->firsts.data) s->firsts.data[r * s->firsts.row_stride] += firsts * factor;
  }
}
CK_INLINE_LINE void factors_of_columns(ck_wide_line *z, const ck_operand *o, ptrdiff_t i) {
  const ck_line line = o->inner_stride ? ck_load_line(o->data + i) : ck_fill_line(o->data[0]);
  z[0] *= ck_low_half(line);
  z[1] *= ck_high_half(line);
}
CK_INLINE_LINE void add_columns_to_twins(const ck_sums *s, ptrdiff_t i, const ck_wide_line *products,
                                         const ck_wide_line *firsts) {
  for (; s; s = s->twin) {
    ck_wide_line p[2] = {products[0], products[1]}, q[2] = {firsts[0], firsts[1]};
    factors_of_columns(p, &s->values.d, i);
    factors_of_columns(p, &s->values.f, i);
    factors_of_columns(q, &s->values.f, i);
    if (s->products.data) add_sums(s->products.data + i, p);
    if (s->firsts.data) add_sums(s->firsts.data + i, q);
  }
}

CK_INLINE_LINE void sums_of_rows(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n, const variant k) {
#pragma clang fp contract(fast)
  OPERANDS
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  const int ends_within = whole > 0 && whole < n; /* the last line overlaps the one before */
  for (ptrdiff_t r = 0; r < rows; r++) {
    ROWS
    ck_wide_line products = {0}, firsts = {0};
    for (ptrdiff_t i = 0; i < whole;) {
      CHAINS_OF_ROW(k.shared ? 0 : SHORT, ADD)
      if (k.products) products += halves(p);
      if (k.firsts) firsts += halves(q);
    }
    if (ends_within) {
      const ptrdiff_t i = n - CK_LINE_FLOATS;
      const ck_line first = ck_keep_last(FIRST, n - whole);
      if (k.products) products += folded(first * SECOND);
      if (k.firsts) firsts += folded(first);
    }
    double p = ck_total(products), q = ck_total(firsts);
    if (whole == 0 || !is_finite(p) || !is_finite(q) || (s->is_square && is_vanishing(p))) {
      exact_sums(s, r, r + 1, 0, n);
      continue;
    }
    if (k.shared) add_row_to_twins(s, r, p, q);
    else {
      if (k.products) s->products.data[r * s->products.row_stride] += p;
      if (k.firsts) s->firsts.data[r * s->firsts.row_stride] += q;
    }
  }
}

CK_INLINE_LINE void sums_of_lines(const ck_sums *s, ptrdiff_t rows, const variant k,
                                  const ptrdiff_t start, const int lines) {
#pragma clang fp contract(fast)
  OPERANDS
  ck_wide_line products[CK_LINES][2] = {{{0}}}, firsts[CK_LINES][2] = {{{0}}};
  for (ptrdiff_t r = 0; r < rows;) {
    CHAINS_OF_COLUMNS(ROWS, ADD_COLUMNS)
    for (int j = 0; j < lines; j++) {
      if (k.products) add_wide(products[j], p[0][j] + p[1][j]);
      if (k.firsts) add_wide(firsts[j], q[0][j] + q[1][j]);
    }
  }
  for (int j = 0; j < lines; j++) {
    const ptrdiff_t i = start + j * CK_LINE_FLOATS;
    const ck_wide_line *of = products[j];
    int again = has_infinite(of[0] + of[1] + firsts[j][0] + firsts[j][1]);
    if (s->is_square) {
      for (int m = 0; m < 8; m++) again |= is_vanishing(of[0][m]) | is_vanishing(of[1][m]);
    }
    if (again) {
      exact_sums(s, 0, rows, i, i + CK_LINE_FLOATS);
      continue;
    }
    if (k.shared) {
      add_columns_to_twins(s, i, of, firsts[j]);
      continue;
    }
    if (k.products) add_sums(s->products.data + i, of);
    if (k.firsts) add_sums(s->firsts.data + i, firsts[j]);
  }
}

CK_INLINE_LINE void sums_of_columns(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n, const variant k) {
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  CK_EACH_LINES(whole, sums_of_lines, s, rows, k)
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

#define VARIANT(name, ...) \
  CK_CLONES static void rows_##name(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n) { \
    sums_of_rows(s, rows, n, (variant){__VA_ARGS__}); \
  } \
  CK_CLONES static void columns_##name(const ck_sums *s, ptrdiff_t rows, ptrdiff_t n) { \
    sums_of_columns(s, rows, n, (variant){__VA_ARGS__}); \
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
VARIANT(shared_bare, -1, -1, 1, 1, 1)
VARIANT(shared_row, 0, -1, 1, 1, 1)
VARIANT(shared_column, 1, -1, 1, 1, 1)

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
  static const sums_function shared[3][2] = {PAIR(shared_bare), PAIR(shared_row), PAIR(shared_column)};
  if (s->twin) {
    shared[s->is_bare ? 0 : s->values.stats_vary ? 2 : 1][!across_rows](s, rows, n);
    return;
  }
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
  /* Not a loop: that becomes a call of memcpy. */
  const float *x = a.data + at;
  const float v[4] = {x[0], x[count > 1 ? step : 0], x[count > 2 ? 2 * step : 0],
                      x[count > 3 ? 3 * step : 0]};
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

#define ADD_MOMENT_TO(sum, squares, shift) \
  { \
    ck_line g = ck_load_line(a_row + i) - shift; \
    sum += g; \
    squares += g * g; \
  }
#define ADD_MOMENT(chain) ADD_MOMENT_TO(p[chain], q[chain], k)
#define ADD_MOMENT_COLUMNS(chain, j) ADD_MOMENT_TO(p[chain][j], q[chain][j], k[j])

CK_INLINE_LINE void moments_of_rows(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
#pragma clang fp contract(fast)
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  const int ends_within = whole > 0 && whole < n;
  double *shift = acc.data + acc.plane, *s1 = shift + acc.plane, *s2 = s1 + acc.plane;
  /* All shifts first: sums would wait for each. */
  for (ptrdiff_t r = 0; r < rows; r++) {
    const ptrdiff_t at = r * acc.row_stride;
    if (acc.data[at] == 0) shift[at] = shift_of(a, 1, r * a.row_stride, n);
    acc.data[at] += (double)n;
  }
  for (ptrdiff_t r = 0; r < rows; r++) {
    CK_ROW(a)
    const ptrdiff_t at = r * acc.row_stride;
    const ck_line k = ck_fill_line((float)shift[at]);
    ck_wide_line sum = {0}, squares = {0};
    for (ptrdiff_t i = 0; i < whole;) {
      CHAINS_OF_ROW(SHORT, ADD_MOMENT)
      sum += halves(p);
      squares += halves(q);
    }
    if (ends_within) {
      const ptrdiff_t i = n - CK_LINE_FLOATS;
      const ck_line g = ck_keep_last(ck_load_line(a_row + i) - k, n - whole);
      sum += folded(g);
      squares += folded(g * g);
    }
    double p = ck_total(sum), q = ck_total(squares);
    if (!is_finite(q) || is_vanishing(q)) {
      exact_moments(acc, a, r, r + 1, 0, n);
      continue;
    }
    s1[at] += p;
    s2[at] += q;
  }
}

CK_INLINE_LINE void moments_of_lines(ck_accumulator acc, ck_operand a, ptrdiff_t rows,
                                     const ptrdiff_t start, const int lines) {
#pragma clang fp contract(fast)
  double *shift = acc.data + acc.plane, *s1 = shift + acc.plane, *s2 = s1 + acc.plane;
  ck_line k[CK_LINES];
  for (int j = 0; j < lines; j++) {
    for (int m = 0; m < CK_LINE_FLOATS; m++) k[j][m] = (float)shift[start + j * CK_LINE_FLOATS + m];
  }
  ck_wide_line sum[CK_LINES][2] = {{{0}}}, squares[CK_LINES][2] = {{{0}}};
  for (ptrdiff_t r = 0; r < rows;) {
    CHAINS_OF_COLUMNS(CK_ROW(a), ADD_MOMENT_COLUMNS)
    for (int j = 0; j < lines; j++) {
      add_wide(sum[j], p[0][j] + p[1][j]);
      add_wide(squares[j], q[0][j] + q[1][j]);
    }
  }
  for (int j = 0; j < lines; j++) {
    const ptrdiff_t i = start + j * CK_LINE_FLOATS;
    int again = has_infinite(squares[j][0] + squares[j][1]);
    for (int h = 0; h < 2; h++) {
      for (int m = 0; m < 8; m++) {
        const double of = squares[j][h][m];
        again |= is_vanishing(of) & ((of != 0) | (sum[j][h][m] != 0));
      }
    }
    if (again) {
      exact_moments(acc, a, 0, rows, i, i + CK_LINE_FLOATS);
      continue;
    }
    add_sums(s1 + i, sum[j]);
    add_sums(s2 + i, squares[j]);
  }
}

CK_INLINE_LINE void moments_of_columns(ck_accumulator acc, ck_operand a, ptrdiff_t rows, ptrdiff_t n) {
  const ptrdiff_t whole = n / CK_LINE_FLOATS * CK_LINE_FLOATS;
  double *count = acc.data, *shift = count + acc.plane;
  if (rows <= 0) return;
  for (ptrdiff_t i = 0; i < n; i++) {
    if (count[i] == 0) shift[i] = shift_of(a, a.row_stride, i, rows);
    count[i] += (double)rows;
  }
  CK_EACH_LINES(whole, moments_of_lines, acc, a, rows)
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
