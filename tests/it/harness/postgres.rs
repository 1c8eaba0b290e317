pub struct TestDatabase(String);
impl TestDatabase { pub async fn create() -> Option<Self> { None } pub fn url(&self) -> &str { &self.0 } }
