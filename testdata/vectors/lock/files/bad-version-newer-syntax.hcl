plugin "a" {
  x = lower("y")
}
version = 3
