version = 1
plugin "acme/scaler" {
  registry = "default"
  version = "1.4.2"
  platform "any" {
    executable = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    archive = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
  }
}
