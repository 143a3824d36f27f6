/* The tile interpreter in double, a short line at a time. */
#include "ck_operations.h"
#include "ck_small.h"
#include "ck_tiles.h"

enum { CK_LINE = 256 };

/* Values along a row: `stride` is 0 where one repeats. */
typedef struct {
  const double *data;
  ptrdiff_t stride;
} line;

typedef struct {
  const ck_program *program;
  const ck_memory *memory;
  const ck_wide_memory *wide;
  const ck_tile *tile;
  ptrdiff_t row, column, n; /* of the line, within the tile */
} place;

static double *register_line(const place *p, int32_t number) {
  return p->wide->registers + (ptrdiff_t)number * p->program->register_floats +
         p->row * p->tile->inner + p->column;
}

static float *tensor_line(const place *p, int32_t number) {
  return p->memory->tensors[number] + p->tile->offset + p->row * p->tile->row_pitch + p->column;
}

/* An operand's line; what is not double yet is converted into `buffer`. */
static line load(const place *p, const ck_view *view, double *buffer) {
  ptrdiff_t small = ck_view_offset(view, p->tile) + view->row_stride * p->row +
                    view->inner_stride * p->column;
  const float *floats = 0;
  ptrdiff_t stride = 1;
  switch (view->kind) {
    case CK_VIEW_REGISTER: return (line){register_line(p, view->index), 1};
    case CK_VIEW_SMALL_SHARED:
    case CK_VIEW_SMALL_WORKER: {
      const double *area = p->wide->small[view->kind == CK_VIEW_SMALL_WORKER];
      return (line){area + view->index + small, view->inner_stride};
    }
    case CK_VIEW_TENSOR: floats = tensor_line(p, view->index); break;
    case CK_VIEW_PARAMETER:
      floats = p->memory->parameters[view->index] + small;
      stride = view->inner_stride;
      break;
    default: floats = &view->constant; stride = 0; break;
  }
  if (stride == 0) {
    buffer[0] = (double)floats[0];
    return (line){buffer, 0};
  }
  for (ptrdiff_t i = 0; i < p->n; i++) buffer[i] = (double)floats[i * stride];
  return (line){buffer, 1};
}

static void map(const place *p, const ck_instruction *in) {
  double a[CK_LINE], b[CK_LINE], c[CK_LINE], result[CK_LINE];
  line la = load(p, &in->a, a), lb = load(p, &in->b, b), lc = load(p, &in->c, c);
  int written = in->target.kind == CK_VIEW_TENSOR;
  double *z = written ? result : register_line(p, in->target.index);
  ck_small_map_line(in->operation, p->n, z, 1, la.data, la.stride, lb.data, lb.stride, lc.data,
                    lc.stride);
  if (!written) return;
  float *t = tensor_line(p, in->target.index);
  for (ptrdiff_t i = 0; i < p->n; i++) t[i] = (float)z[i];
}

static void positions(const place *p, const ck_instruction *in) {
  double *z = register_line(p, in->target.index);
  ptrdiff_t base = ck_view_offset(&in->a, p->tile) + in->a.row_stride * p->row;
  for (ptrdiff_t i = 0; i < p->n; i++)
    z[i] = (double)(base + in->a.inner_stride * (p->column + i));
}

static void accumulate(const place *p, const ck_instruction *in) {
  double a[CK_LINE], b[CK_LINE];
  line la = load(p, &in->a, a), lb = load(p, &in->b, b);
  ptrdiff_t stride = in->target.inner_stride, plane = in->accumulator_size;
  double *z = (in->across ? p->memory->accumulators_unit : p->memory->accumulators_worker) +
              in->accumulator + ck_view_offset(&in->target, p->tile) +
              in->target.row_stride * p->row + stride * p->column;
  for (ptrdiff_t i = 0; i < p->n; i++, z += stride) {
    double v = la.data[i * la.stride];
    switch (in->what) {
      case CK_DO_SUM: *z += v; break;
      case CK_DO_DOT: *z += v * lb.data[i * lb.stride]; break;
      case CK_DO_MOMENTS: {
        /* No difference from infinity is a number. */
        if (z[0] == 0) z[plane] = v - v == 0 ? v : 0;
        double d = v - z[plane];
        z[0] += 1;
        z[2 * plane] += d;
        z[3 * plane] += d * d;
        break;
      }
      case CK_DO_MAX:
        if (v != v || v > *z) *z = *z != *z ? *z : v;
        break;
      case CK_DO_MIN:
        if (v != v || v < *z) *z = *z != *z ? *z : v;
        break;
    }
  }
}

void ck_run_tile_wide(const ck_program *program, const ck_memory *memory,
                      const ck_wide_memory *wide, const ck_tile *tile) {
  for (int32_t k = 0; k < program->count; k++) {
    const ck_instruction *in = program->instructions + k;
    /* A gradient nobody wants has no tensor. */
    if (in->what == CK_DO_MAP && in->target.kind == CK_VIEW_TENSOR &&
        !memory->tensors[in->target.index])
      continue;
    place p = {program, memory, wide, tile, 0, 0, 0};
    for (p.row = 0; p.row < tile->rows; p.row++) {
      for (p.column = 0; p.column < tile->inner; p.column += CK_LINE) {
        p.n = tile->inner - p.column < CK_LINE ? tile->inner - p.column : CK_LINE;
        if (in->what == CK_DO_MAP) map(&p, in);
        else if (in->what == CK_DO_POSITION) positions(&p, in);
        else accumulate(&p, in);
      }
    }
  }
}
