version = 1
plugin "acme/scaler" {
  registry = "default"
  version = "1.4.2"
  grants = ["read /d\u0061ta/\"x\""]
  platform "linux_amd64" {
    h1 = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    executable = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    archive = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    known = ["signed", "logged"]
  }
}
