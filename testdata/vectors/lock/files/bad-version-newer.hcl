version = 2
plugin "acme/scaler" {
  novelty = 1
}
