-- The two networks that the experiments of this folder compare norms in.
-- Every nn.norm() becomes the norm of the experiment; "none" leaves it out.

local function dense(width) return { nn.linear { width }, nn.norm(), nn.relu() } end

model("mlp", { input = { 784 },
  dense(256), dense(256), nn.linear { 10 } })

local function block(channels)
  return { nn.conv { channels, kernel = 3 }, nn.norm(), nn.relu(), nn.maxpool { 2 } }
end

-- As large as the usual first CNN on Fashion-MNIST.
model("cnn", { input = { 28, 28, 1 },
  block(32), block(64),
  nn.flatten(), nn.linear { 128 }, nn.norm "layer", nn.relu(), nn.linear { 10 } })

-- Small enough for a first look.
model("small_cnn", { input = { 28, 28, 1 },
  block(8), block(16),
  nn.flatten(), nn.linear { 10 } })
