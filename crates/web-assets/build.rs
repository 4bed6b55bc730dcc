//! Finds or builds the pages, and writes the table that embeds them.
//!
//! In this order: the folder named by `WEB_DIST`; `dist` beside this crate, as packages
//! have it; a build of `web/` with npm, outside the source tree; a page that says what is missing.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the build of `web/` reads; everything else in that folder is for development.
const SOURCES: [&str; 19] = [
    "app",
    "elements",
    "styles",
    "public",
    "scripts",
    "index.html",
    "watch.html",
    "studio.html",
    "account.html",
    "setup.html",
    "forgot.html",
    "reset.html",
    "not-found.html",
    "docs.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.ts",
    "vite.element.config.ts",
];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=WEB_DIST");
    println!("cargo::rerun-if-env-changed=CI");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let dist = find_or_build(&out)?;
    fs::write(out.join("files.rs"), table(&dist)?)?;
    Ok(())
}

fn find_or_build(out: &Path) -> Result<PathBuf> {
    if let Ok(given) = std::env::var("WEB_DIST") {
        let given = fs::canonicalize(&given).map_err(|error| format!("WEB_DIST={given}: {error}"))?;
        println!("cargo::rerun-if-changed={}", given.display());
        return Ok(given);
    }
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let packaged = here.join("dist");
    if packaged.join("index.html").is_file() {
        println!("cargo::rerun-if-changed={}", packaged.display());
        return Ok(packaged);
    }
    match build(&here.join("../../web"), out) {
        Ok(dist) => Ok(dist),
        Err(reason) if must_have_pages() => Err(format!(
            "the web pages could not be built: {reason}. Node 20 or newer with npm is needed, \
             or WEB_DIST naming a folder that `npm run build` made"
        )
        .into()),
        Err(reason) => placeholder(out, &reason.to_string()),
    }
}

/// A release without pages would be worthless, and a test run without them would prove nothing.
fn must_have_pages() -> bool {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "false");
    std::env::var("PROFILE").is_ok_and(|profile| profile == "release") || set("CI")
}

/// Builds in a copy, so that the source tree stays as it is; packages are installed anew only for a new lock file.
fn build(web: &Path, out: &Path) -> Result<PathBuf> {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", web.join(source).display());
    }
    let copy = out.join("web");
    for source in SOURCES {
        replace(&web.join(source), &copy.join(source))?;
    }
    let stamp = copy.join("node_modules/.lock-hash");
    let wanted = hash_of(&fs::read(web.join("package-lock.json"))?);
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        npm(&copy, &["ci", "--no-audit", "--no-fund"])?;
        fs::write(&stamp, &wanted)?;
    }
    npm(&copy, &["run", "build"])?;
    Ok(copy.join("dist"))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let output = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
        .args(arguments)
        .current_dir(folder)
        .env("WEB_COMPRESS", if release { "on" } else { "off" })
        .output()
        .map_err(|error| format!("npm cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("npm {} failed:\n{}", arguments.join(" "), String::from_utf8_lossy(&said)).into())
}

/// A copy of a file or folder in place of what was there, so that nothing deleted lives on.
fn replace(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        if to.exists() {
            fs::remove_dir_all(to)?;
        }
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            replace(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::copy(from, to).map_err(|error| format!("{}: {error}", from.display()))?;
    Ok(())
}

/// Lets the server be worked on where there is no Node.
fn placeholder(out: &Path, reason: &str) -> Result<PathBuf> {
    println!(
        "cargo::warning=The web pages are not built, a placeholder stands in: {}",
        reason.replace('\n', " ")
    );
    let dist = out.join("placeholder");
    fs::create_dir_all(&dist)?;
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Tallylight</title>\
                <h1>Tallylight runs, its pages are not built</h1>\
                <p>Install Node 20 or newer and build the server again. The API works: see <a href=\"/api/openapi.json\">its description</a>.</p></html>";
    for name in ["index", "watch", "studio", "account", "setup", "forgot", "reset", "not-found", "docs"] {
        fs::write(dist.join(format!("{name}.html")), page)?;
    }
    Ok(dist)
}

/// The source of a sorted table of all files, each with its compressed forms where there are any.
fn table(dist: &Path) -> Result<String> {
    let mut files = Vec::new();
    walk(dist, &mut files)?;
    files.sort();
    let mut source = String::from("&[\n");
    for file in files.iter().filter(|file| !is_compressed(file)) {
        let name = file.strip_prefix(dist)?.to_string_lossy().replace('\\', "/");
        let body = fs::read(file)?;
        let (brotli, gzip) = (embedded_if_there(file, "br"), embedded_if_there(file, "gz"));
        writeln!(
            source,
            "    File {{ name: {name:?}, etag: {:?}, identity: include_bytes!({:?}), brotli: {brotli}, gzip: {gzip} }},",
            format!("W/\"{}\"", hash_of(&body)),
            file.display().to_string(),
        )?;
    }
    source.push_str("]\n");
    Ok(source)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "br" || extension == "gz")
}

fn embedded_if_there(file: &Path, extension: &str) -> String {
    let path = PathBuf::from(format!("{}.{extension}", file.display()));
    if path.is_file() {
        format!("Some(include_bytes!({:?}))", path.display().to_string())
    } else {
        "None".into()
    }
}

/// Tells one content from another; nobody attacks this.
fn hash_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
