version = 1
plugin "acme/scaler" {
