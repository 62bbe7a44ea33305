version = 1
plugin "acme/scaler" {
  registry = "default"
  version = "1.4.2"
  platform "linux_amd64" {
    h1 = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    executable = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    archive = "md5:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    known = ["signed", "logged"]
  }
}
