//! `pganalytics user …`: users of the cluster, through a node on this machine.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::cluster::{LocalNode, say};
use crate::admin::{AdminAnswer, AdminRequest, Hidden, UserLine, UserRequest};
use crate::data_dir::file_error;
use crate::output::{Output, OutputArgs, Rows};
use crate::{Error, Exit, Result};

/// Commands on users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// List users
    List {
        #[command(flatten)]
        node: LocalNode,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Add a user
    Add {
        #[command(flatten)]
        node: LocalNode,
        /// Name to log in with
        username: String,
        /// Mail address
        #[arg(long)]
        email: String,
        /// Full name
        #[arg(long, default_value = "")]
        full_name: String,
        /// What the user may do
        #[arg(long, value_enum, default_value_t = Role::User)]
        role: Role,
        #[command(flatten)]
        password: Password,
    },
    /// Let a user log in no more, and end the user's sessions
    Disable {
        #[command(flatten)]
        node: LocalNode,
        /// Which user
        username: String,
    },
    /// Let a user log in again
    Enable {
        #[command(flatten)]
        node: LocalNode,
        /// Which user
        username: String,
    },
    /// Set a user's password, and end the user's sessions
    Passwd {
        #[command(flatten)]
        node: LocalNode,
        /// Which user
        username: String,
        #[command(flatten)]
        password: Password,
    },
    /// Set what a user may do
    Role {
        #[command(flatten)]
        node: LocalNode,
        /// Which user
        username: String,
        /// What the user may do
        #[arg(value_enum)]
        role: Role,
    },
    /// Remove a user
    Delete {
        #[command(flatten)]
        node: LocalNode,
        /// Which user
        username: String,
    },
}

/// What a user may do; each may what the next may.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Everything
    Admin,
    /// Read, acknowledge, dismiss
    User,
    /// Read
    Viewer,
}

impl Role {
    fn text(self) -> String {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
        .to_owned()
    }
}

/// Where the password comes from: never from the command line, which everybody on the machine sees.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// File with the password; `-` is standard input. Without it one is made up and printed once
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Password {
    fn read(&self) -> Result<Option<Hidden>> {
        let Some(file) = &self.password_file else {
            return Ok(None);
        };
        let mut text = String::new();
        let read = if file.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text)
        } else {
            std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text))
        };
        read.map_err(|error| file_error("read", file, error))?;
        let password = text.trim_end_matches(['\r', '\n']).to_owned();
        Ok(Some(Hidden(password)))
    }
}

pub(super) fn run(command: UserCommand) -> Result<Exit> {
    let form = match &command {
        UserCommand::List { output, .. } => output.form(),
        _ => Output::Table,
    };
    let (node, request) = request(command)?;
    match node.ask(&AdminRequest::Users { change: request })? {
        AdminAnswer::Users { users } => match form {
            Output::Table => say(rows(&users).table().trim_end()),
            Output::Csv => say(rows(&users).csv().trim_end()),
            Output::Json => {
                let json = serde_json::to_string_pretty(&users);
                say(&json.map_err(|error| Error::Internal(error.to_string()))?)
            }
        },
        AdminAnswer::Password { made_up: None } | AdminAnswer::Done => say("done"),
        AdminAnswer::Password {
            made_up: Some(password),
        } => {
            // The note for people does not get into a script's variable.
            let mut errors = std::io::stderr().lock();
            drop(writeln!(
                errors,
                "This password is shown once; the user has to change it:"
            ));
            say(&password.0)
        }
        _ => Err(Error::Internal("unexpected answer of the node".to_owned())),
    }
}

fn request(command: UserCommand) -> Result<(LocalNode, UserRequest)> {
    let change = |username, role, is_active| UserRequest::Change {
        username,
        role,
        is_active,
    };
    Ok(match command {
        UserCommand::List { node, .. } => (node, UserRequest::List),
        UserCommand::Add {
            node,
            username,
            email,
            full_name,
            role,
            password,
        } => {
            let add = UserRequest::Add {
                username,
                email,
                full_name,
                role: role.text(),
                password: password.read()?,
            };
            (node, add)
        }
        UserCommand::Disable { node, username } => (node, change(username, None, Some(false))),
        UserCommand::Enable { node, username } => (node, change(username, None, Some(true))),
        UserCommand::Role {
            node,
            username,
            role,
        } => (node, change(username, Some(role.text()), None)),
        UserCommand::Passwd {
            node,
            username,
            password,
        } => {
            let password = password.read()?;
            (node, UserRequest::Password { username, password })
        }
        UserCommand::Delete { node, username } => (node, UserRequest::Delete { username }),
    })
}

fn rows(users: &[UserLine]) -> Rows {
    let mut rows = Rows::new(["id", "username", "role", "active", "email", "last login"]);
    for user in users {
        rows.push([
            user.id.to_string(),
            user.username.clone(),
            user.role.clone(),
            if user.is_active { "yes" } else { "no" }.to_owned(),
            user.email.clone(),
            user.last_login
                .clone()
                .unwrap_or_else(|| "never".to_owned()),
        ]);
    }
    rows
}
