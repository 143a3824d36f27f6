norm.define("mean_subtraction", {
  doc = "the mean over all rows is subtracted, as between layers of a graph network",
  paper = "Yang et al. 2020, arXiv:2003.13663",
  -- Batch and space together are the nodes; both modes use the tensor's own mean.
  claims = { infer = "batch" },
  forward = function(x, s) return x - x:mean("batch", "space") end,
})

-- Values of another hand: the paper's formula in float64, make_zoo.py
test("agrees with values of another hand", function()
  local x = tensor { { { 1, -2, 3, 0.5 }, { 0, 1, -1, 2 } }, { { 4, 0.5, -0.5, 1 }, { -3, 2, 1, 0 } } }
  local y = norm.mean_subtraction():apply(x, { mode = "train" })
  expect.close(y, tensor { { { 0.5, -2.375, 2.375, -0.375 }, { -0.5, 0.625, -1.625, 1.125 } },
    { { 3.5, 0.125, -1.125, 0.125 }, { -3.5, 1.625, 0.375, -0.875 } } }, 2e-5)
end)
