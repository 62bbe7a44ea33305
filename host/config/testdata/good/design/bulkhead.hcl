plugin "gpu" {
  source  = "builtin/gpu"
  version = "~> 0.1"
}

require "modern_driver" {                       # policy without writing a plugin
  condition = semver(fact.gpu.driver.version, ">= 550")
  severity  = "error"
  message   = "Driver ${fact.gpu.driver.version} cannot run CUDA 12.4 kernels natively."
}

suite "training_box" {
  run  = [gpu.all, python.torch, docker.gpu_runtime, require.modern_driver]
  skip = ["python.jupyter"]
}

pipeline "churn" {
  preflight = suite.training_box

  source "rows" {
    csv    = "data/churn.csv"
    target = "churned"
  }
  kernel "clean" {
    use   = data.prepare
    input = source.rows
    config { quality_threshold = 0.8 }
  }
  kernel "model" {
    use    = algorithms.auto
    input  = kernel.clean
    budget = "60s"
  }
  kernel "ship" {
    use        = mlops.deploy
    input      = kernel.model
  }
}
