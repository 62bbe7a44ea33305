# Diagnoses this machine, prepares a table and races models on it:
#
#   bulkhead run examples/breast-cancer
#
# The table is the Wisconsin diagnostic breast cancer data set (569 rows, 30
# measurements, target 0 = malignant, 1 = benign).

suite "small_training" {
  run = [system.all, python.all]
}

pipeline "breast_cancer" {
  preflight = suite.small_training

  source "rows" {
    csv    = "breast_cancer.csv"
    target = "target"
  }

  kernel "clean" {
    use   = data.prepare
    input = source.rows
    config {
      quality_threshold = 0.8
    }
  }

  kernel "model" {
    use    = algorithms.auto
    input  = kernel.clean
    budget = "30s"
  }
}
