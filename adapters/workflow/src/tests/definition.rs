mod checks;
mod expressions;
mod finding;
mod reading;
mod robustness;
mod runners;
mod samples;
mod schema;
mod shell_texts;
mod tasks;
mod temp_project;
mod validator;

pub(super) use temp_project::TempProject;
