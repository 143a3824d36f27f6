/* The element-wise operations, one line each; the names are those of NormaGraph's Elementwise.
   From this table come the tile loops (float), the loops over small arrays (double) and, as text,
   the functions of native code (vectors of float). R is the type; a comparison is 0 or not, so it is
   joined by | and chosen by CK_IF; CK_N is a number of that type. CK_MIN(a, b) is a < b ? a : b. */
#ifndef CK_OPERATIONS_H
#define CK_OPERATIONS_H

#define CK_UNARY_OPERATIONS(OP) \
  OP(copy, a) \
  OP(neg, -a) \
  OP(abs, CK_IF(a < CK_N(0), -a, a)) \
  OP(sign, CK_IF(a > CK_N(0), CK_N(1), CK_IF(a < CK_N(0), CK_N(-1), a))) \
  OP(square, a * a) \
  OP(sqrt, CK_SQRT(a)) \
  OP(rsqrt, CK_N(1) / CK_SQRT(a)) \
  OP(exp, CK_EXP(a)) \
  OP(log, CK_LOG(a)) \
  OP(tanh, CK_TANH(a)) \
  OP(sigmoid, CK_SIGMOID(a)) \
  OP(erf, CK_ERF(a))

#define CK_BINARY_OPERATIONS(OP) \
  OP(add, a + b) \
  OP(sub, a - b) \
  OP(mul, a * b) \
  OP(div, a / b) \
  OP(pow, CK_POW(a, b)) \
  OP(min, CK_IF(b != b, b, CK_MIN(b, a))) \
  OP(max, CK_IF(b != b, b, CK_MAX(b, a))) \
  OP(lt, CK_IF(a < b, CK_N(1), CK_N(0))) \
  OP(le, CK_IF(a <= b, CK_N(1), CK_N(0))) \
  OP(gt, CK_IF(a > b, CK_N(1), CK_N(0))) \
  OP(ge, CK_IF(a >= b, CK_N(1), CK_N(0))) \
  OP(eq, CK_IF(a == b, CK_N(1), CK_N(0)))

/* center: a - (b + c) where b + c is one number in two floats.  fma: a * b + c. */
#define CK_TERNARY_OPERATIONS(OP) \
  OP(clamp, CK_IF(a < b, b, CK_IF(a > c, c, a))) \
  OP(select, CK_IF(a != CK_N(0), b, c)) \
  OP(center, (a - b) - c) \
  OP(fma, a * b + c)

/* For numbers; vectors have their own. */
#define CK_IF(condition, a, b) ((condition) ? (a) : (b))
#define CK_N(x) ((R)(x))
#define CK_MIN(a, b) ((a) < (b) ? (a) : (b))
#define CK_MAX(a, b) ((a) > (b) ? (a) : (b))

enum {
#define OP(name, formula) CK_OP_##name,
  CK_UNARY_OPERATIONS(OP) CK_BINARY_OPERATIONS(OP) CK_TERNARY_OPERATIONS(OP)
#undef OP
  CK_OP_COUNT
};

/* The name of operation i, or NULL; how a caller finds an operation by name. */
const char *ck_operation_name(int i);
/* The formula of operation i as C text over a, b, c, or NULL. */
const char *ck_operation_formula(int i);
/* The number of operands of operation i. */
int ck_operation_arity(int i);
/* The functions the formulas call (exp, log, tanh, sigmoid, erf, pow) as C text over types and macros
   that the reader defines; see ck_functions.h. */
const char *ck_function_text(void);

#endif
