version = 1
plugin "acme/scaler" {
  registry = "default"
  version = "1.4.2"
}
