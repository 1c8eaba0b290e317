use tonic::Status;
pub fn to_status(error: &crate::domain::Error) -> Status { Status::new(tonic::Code::from(error.reason().code() as i32), error.message()) }
