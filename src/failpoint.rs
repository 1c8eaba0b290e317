pub fn hit(_: &str) {}
