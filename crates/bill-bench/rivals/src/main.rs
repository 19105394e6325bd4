//! Prints the figures of the sections that are named, a row a line; see [`bill_bench_rivals`].

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use bill_bench::Row;
use bill_bench::measure::Effort;
use bill_bench_rivals::{herd, path};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut effort, mut path, mut herd) = (Effort::full(), false, false);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--quick" => effort = Effort::quick(),
            "path" => path = true,
            "herd" => herd = true,
            other => return Err(format!("`{other}` is neither path nor herd nor --quick").into()),
        }
    }
    let all = !path && !herd;
    let mut rows = rows_only()?;
    if path || all {
        write(&mut rows, &path::rows(effort)?)?;
    }
    if herd || all {
        write(&mut rows, &herd::rows(effort)?)?;
    }
    Ok(())
}

/// The standard output, for rows alone: criterion, which prints there too, is sent to the error
/// output.
fn rows_only() -> io::Result<BufWriter<File>> {
    let rows = io::stdout().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(BufWriter::new(File::from(rows)))
}

fn write(to: &mut impl Write, rows: &[Row]) -> Result<(), Box<dyn Error>> {
    for row in rows {
        serde_json::to_writer(&mut *to, row)?;
        writeln!(to)?;
    }
    Ok(to.flush()?)
}
