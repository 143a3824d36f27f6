/* Runs the instructions of a program on one tile. */
#include "ck_line.h"
#include "ck_operations.h"
#include "ck_target.h"
#include "ck_tiles.h"

/* The address of an operand for this tile. */
static ck_operand resolve(const ck_view *view, const ck_program *program, const ck_memory *memory,
                          const ck_tile *tile) {
  ck_operand o = {&view->constant, 0, 0};
  switch (view->kind) {
    case CK_VIEW_REGISTER:
      o.data = memory->registers + (ptrdiff_t)view->index * program->register_floats;
      o.row_stride = tile->inner;
      o.inner_stride = 1;
      break;
    case CK_VIEW_TENSOR:
      o.data = memory->tensors[view->index] + tile->offset;
      o.row_stride = tile->row_pitch;
      o.inner_stride = 1;
      break;
    case CK_VIEW_SMALL_SHARED:
    case CK_VIEW_SMALL_WORKER:
    case CK_VIEW_PARAMETER:
      o.data = (view->kind == CK_VIEW_PARAMETER ? memory->parameters[view->index]
                : view->kind == CK_VIEW_SMALL_SHARED ? memory->small_shared + view->index
                                                     : memory->small_worker + view->index) +
               ck_view_offset(view, tile);
      o.row_stride = view->row_stride;
      o.inner_stride = view->inner_stride;
      break;
    default: break;
  }
  return o;
}

static ck_accumulator resolve_accumulator(const ck_instruction *in, int32_t number,
                                          const ck_memory *memory, const ck_tile *tile) {
  const ck_view *view = &in->target;
  ck_accumulator acc = {0};
  if (number < 0) return acc;
  acc.data = (in->across ? memory->accumulators_unit : memory->accumulators_worker) + number +
             ck_view_offset(view, tile);
  acc.row_stride = view->row_stride;
  acc.inner_stride = view->inner_stride;
  acc.plane = in->accumulator_size;
  return acc;
}

static void write_positions(float *z, ptrdiff_t pitch, const ck_view *view, const ck_tile *tile) {
  int64_t base = ck_view_offset(view, tile);
  for (int64_t r = 0; r < tile->rows; r++)
    for (int64_t i = 0; i < tile->inner; i++)
      z[r * pitch + i] = (float)(base + view->row_stride * r + view->inner_stride * i);
}

/* What stands for an operand that is not there, where its like vary along rows. */
static const float zeros[CK_LONGEST_TILE], ones[CK_LONGEST_TILE] = {[0 ... CK_LONGEST_TILE - 1] = 1};

static ck_operand resolve_like(const ck_view *view, int32_t varies, const ck_program *program,
                               const ck_memory *memory, const ck_tile *tile) {
  if (varies && view->kind == CK_VIEW_CONSTANT)
    return (ck_operand){view->constant == 0 ? zeros : ones, 0, 1};
  return resolve(view, program, memory, tile);
}

static ck_fused resolve_fused(const ck_instruction *in, const ck_program *program,
                              const ck_memory *memory, const ck_tile *tile) {
  int32_t s = in->stats_vary, f = in->factors_vary;
  return (ck_fused){.a = resolve(&in->a, program, memory, tile),
                    .b = resolve_like(&in->b, s, program, memory, tile),
                    .c = resolve_like(&in->c, s, program, memory, tile),
                    .d = resolve_like(&in->d, s, program, memory, tile),
                    .e = resolve(&in->e, program, memory, tile),
                    .f = resolve_like(&in->f, f, program, memory, tile),
                    .g = resolve_like(&in->g, s, program, memory, tile),
                    .h = resolve_like(&in->h, in->what == CK_DO_NORMALIZE ? f : s, program, memory,
                                      tile),
                    .stats_vary = s,
                    .factors_vary = f};
}

static void write_fused(const ck_instruction *in, const ck_program *program,
                        const ck_memory *memory, const ck_tile *tile) {
  if (in->target.kind == CK_VIEW_TENSOR && !memory->tensors[in->target.index]) return;
  ck_operand z = resolve(&in->target, program, memory, tile);
  ck_output out = {(float *)z.data, z.row_stride, tile->ahead,
                   tile->streams && in->target.kind == CK_VIEW_TENSOR};
  ck_fused values = resolve_fused(in, program, memory, tile);
  if (in->what == CK_DO_NORMALIZE) ck_normalize(out, &values, tile->rows, tile->inner);
  else ck_gradient(out, &values, tile->rows, tile->inner);
}

static ck_sums resolve_sums(const ck_instruction *in, const ck_program *program,
                            const ck_memory *memory, const ck_tile *tile) {
  return (ck_sums){.values = resolve_fused(in, program, memory, tile),
                   .products = resolve_accumulator(in, in->accumulator, memory, tile),
                   .firsts = resolve_accumulator(in, in->second_accumulator, memory, tile),
                   .is_bare = in->is_bare,
                   .is_square = in->is_square};
}

static void add_sums(const ck_instruction *in, const ck_program *program, const ck_memory *memory,
                     const ck_tile *tile) {
  ck_sums sums = resolve_sums(in, program, memory, tile), twin;
  if (in->is_shared) {
    twin = resolve_sums(in + 1, program, memory, tile);
    sums.twin = &twin;
  }
  ck_accumulate_sums(&sums, tile->rows, tile->inner);
}

/* Sums of columns go through rows a few lines at a time: where rows have more of them, memory is asked
   for in its own order before. */
static void ask_for(const ck_view *view, const ck_memory *memory, const ck_tile *tile) {
  if (view->kind != CK_VIEW_TENSOR || tile->row_pitch != tile->inner) return;
  const float *data = memory->tensors[view->index] + tile->offset;
  for (int64_t i = 0; i < tile->rows * tile->inner; i += 16) __builtin_prefetch(data + i);
}

static void prepare(const ck_instruction *in, const ck_memory *memory, const ck_tile *tile) {
  if (in->target.inner_stride == 0 || tile->inner <= CK_LINES_AT_ONCE * CK_LINE_FLOATS) return;
  if (in->what == CK_DO_MOMENTS || in->what == CK_DO_SUMS) ask_for(&in->a, memory, tile);
  if (in->what == CK_DO_SUMS) ask_for(&in->e, memory, tile);
}

void ck_run_tile(const ck_program *program, const ck_memory *memory, const ck_tile *tile) {
  if (tile->is_cold && program->count > 0) prepare(program->instructions, memory, tile);
  for (int32_t k = 0; k < program->count; k++) {
    const ck_instruction *in = program->instructions + k;
    ck_operand a = resolve(&in->a, program, memory, tile);
    switch (in->what) {
      case CK_DO_MAP: {
        ck_operand b = resolve(&in->b, program, memory, tile);
        ck_operand c = resolve(&in->c, program, memory, tile);
        /* A gradient nobody wants has no tensor. */
        if (in->target.kind == CK_VIEW_TENSOR && !memory->tensors[in->target.index]) break;
        ck_operand z = resolve(&in->target, program, memory, tile);
        ck_map(in->operation)((float *)z.data, z.row_stride, a, b, c, tile->rows, tile->inner);
        break;
      }
      case CK_DO_POSITION: {
        ck_operand z = resolve(&in->target, program, memory, tile);
        write_positions((float *)z.data, z.row_stride, &in->a, tile);
        break;
      }
      case CK_DO_NORMALIZE:
      case CK_DO_GRADIENT: write_fused(in, program, memory, tile); break;
      case CK_DO_SUMS:
        add_sums(in, program, memory, tile);
        k += in->is_shared;
        break;
      case CK_DO_MOMENTS:
        ck_accumulate_moments(resolve_accumulator(in, in->accumulator, memory, tile), a, tile->rows,
                              tile->inner);
        break;
      case CK_DO_MAX:
      case CK_DO_MIN:
        ck_accumulate_extreme(resolve_accumulator(in, in->accumulator, memory, tile), a,
                              in->what == CK_DO_MAX, tile->rows, tile->inner);
        break;
    }
  }
}
