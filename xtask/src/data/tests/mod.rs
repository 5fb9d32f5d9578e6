//! Fetching from a server on this machine, with every way in which that can go wrong.

mod mirrors;
mod packages;

use super::fetch::Fetcher;
use super::*;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// The checksum of "abc" is the first example of FIPS 180-2, appendix B.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A server that notes what it was asked.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

fn serve(answer: &'static [u8]) -> Server {
    serve_in_turn(&[answer])
}

/// The last answer is given to all who come after.
fn serve_in_turn(answers: &[&'static [u8]]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (notes, answers) = (Arc::clone(&requests), answers.to_vec());
    std::thread::spawn(move || {
        for (index, stream) in listener.incoming().flatten().enumerate() {
            respond(stream, answers[index.min(answers.len() - 1)], &notes);
        }
    });
    Server { url, requests }
}

fn respond(mut stream: TcpStream, answer: &[u8], notes: &Mutex<Vec<String>>) {
    let head: Vec<String> = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    notes.lock().unwrap().push(head.join("\n"));
    stream.write_all(answer).unwrap();
}

/// A set of one file of three bytes, "abc".
fn pinned(origin: &str) -> DataSet {
    pinned_as(origin, 3, ABC)
}

fn pinned_as(origin: &str, size: u64, sha256: &str) -> DataSet {
    let set = "name = 'set'\ntitle = 'a set'\nlicence = 'a licence'\norigin = 'a test'";
    toml::from_str(&format!("{set}\n[[file]]\nfile = 'set.txt'\n{origin}\nsize = {size}\nsha256 = '{sha256}'")).unwrap()
}

/// An address where nobody answers.
fn nobody() -> String {
    format!("http://{}/file", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
}

fn places(cache: &Path, fetcher: Option<Fetcher>) -> Places {
    Places { folders: vec![cache.into()], cache: cache.into(), mirror: None, fetcher }
}

/// Both ways of fetching, as far as this machine has them.
fn fetchers() -> Vec<Fetcher> {
    let find = |name| crate::process::find_program(&[name], &crate::process::path());
    find("curl").map(Fetcher::Curl).into_iter().chain(find("python3").map(Fetcher::Python)).collect()
}

/// The one file of a set.
fn fetch(set: &DataSet, fetcher: Fetcher, cache: &Path) -> Result<PathBuf> {
    obtain::set(set, &places(cache, Some(fetcher))).map(|mut paths| paths.remove(0))
}

fn fetch_abc(answer: &'static [u8], fetcher: Fetcher, cache: &Path) -> Result<PathBuf> {
    fetch(&pinned(&format!("url = '{}'", serve(answer).url)), fetcher, cache)
}

#[test]
fn a_good_file_is_kept_under_its_name() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let path = fetch_abc(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", fetcher, cache.path()).unwrap();
        assert_eq!((path.as_path(), fs::read(&path).unwrap().as_slice()), (cache.path().join("set.txt").as_path(), b"abc".as_slice()));
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    }
}

#[test]
fn a_wrong_checksum_keeps_nothing() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_abc(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabd", fetcher, cache.path()).unwrap_err();
        assert!(format!("{error:#}").contains("the origin changed"), "{error:#}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_broken_connection_keeps_what_came_and_says_how_to_go_on() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_abc(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab", fetcher, cache.path()).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("run the command again") || text.contains("By hand"), "{text}");
        assert!(!cache.path().join("set.txt").exists());
    }
}

#[test]
fn a_short_answer_without_a_length_is_found_by_its_size() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_abc(b"HTTP/1.0 200 OK\r\n\r\nab", fetcher, cache.path()).unwrap_err();
        assert!(format!("{error:#}").contains("only 2 of 3 bytes came"), "{error:#}");
    }
}

#[test]
fn an_address_without_the_file_says_what_to_do_by_hand() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_abc(b"HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n\r\nnope!", fetcher, cache.path()).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("By hand") && text.contains("datasets/cache/set.txt") && text.contains("cargo xtask data set"), "{text}");
        assert!(!cache.path().join("set.txt").exists());
    }
}

#[test]
fn without_a_network_it_says_what_to_do_by_hand() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let text = format!("{:#}", fetch(&pinned(&format!("url = '{}'", nobody())), fetcher, cache.path()).unwrap_err());
        assert!(text.contains("is there a network?") && text.contains("By hand") && text.contains("DFL_DATA_MIRROR"), "{text}");
    }
}

#[test]
fn curl_goes_on_where_it_stopped() {
    let Some(curl) = fetchers().into_iter().find(|fetcher| matches!(fetcher, Fetcher::Curl(_))) else { return };
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("set.txt.part"), "ab").unwrap();
    let server = serve(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-2/3\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc");
    let path = fetch(&pinned(&format!("url = '{}'", server.url)), curl, cache.path()).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"abc");
    assert!(server.requests.lock().unwrap()[0].to_lowercase().contains("range: bytes=2-"));
}

#[test]
fn a_server_that_cannot_go_on_is_asked_for_the_whole() {
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        fs::write(cache.path().join("set.txt.part"), "ab").unwrap();
        let path = fetch_abc(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", fetcher, cache.path()).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abc");
    }
}

/// A file that is short at its origin too would be gone on with for ever.
#[test]
fn what_does_not_grow_is_not_gone_on_with() {
    let answers: [&[u8]; 2] = [b"HTTP/1.0 200 OK\r\n\r\nab", b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */2\r\n\r\n"];
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        for answer in answers {
            assert!(fetch_abc(answer, fetcher.clone(), cache.path()).is_err());
        }
        let path = fetch_abc(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", fetcher, cache.path()).unwrap();
        assert_eq!(fs::read(path).unwrap(), b"abc");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    fs::write(&blocked, "").unwrap();
    for fetcher in fetchers() {
        let text = format!("{:#}", fetch_abc(b"", fetcher, &blocked.join("cache")).unwrap_err());
        assert!(text.contains("cannot make the folder") && text.contains("cache"), "{text}");
    }
}

/// SHA-256 of "0\n1\n", from sha256sum.
const LINES: &str = "82c1315e6c757f33c4a77ca58b2a184f5a88614470c05ec77f3d28918db6b8ae";

fn fetch_lines(body: &[u8], fetcher: Fetcher, cache: &Path) -> Result<PathBuf> {
    let answer = [b"HTTP/1.0 200 OK\r\n\r\n", body].concat();
    let origin = format!("url = '{}'\nconvert = 'npy-to-lines'", serve(answer.leak()).url);
    fetch(&pinned_as(&origin, 4, LINES), fetcher, cache)
}

/// Cut in a number, cut between numbers, no array at all: each time nothing stays, and the whole array is then taken.
#[test]
fn an_array_is_checked_after_its_conversion_and_one_that_cannot_be_used_is_not_gone_on_with() {
    let body = npy::tests::array("<i8", &[0, 1]);
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        for wrong in [&body[..body.len() - 3], &body[..body.len() - 8], b"<html>busy</html>"] {
            let text = format!("{:#}", fetch_lines(wrong, fetcher.clone(), cache.path()).unwrap_err());
            assert!(text.to_lowercase().contains("nothing was kept") && text.contains("one a line"), "{text}");
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
        }
        let path = fetch_lines(&body, fetcher, cache.path()).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "0\n1\n");
    }
}

#[test]
fn a_wrong_file_that_is_present_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.txt");
    fs::write(&path, "own").unwrap();
    let set = pinned(&format!("url = '{}'", nobody()));
    let text = obtain::set(&set, &places(folder.path(), None)).unwrap_err().to_string();
    assert!(text.contains("move it away"), "{text}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "own");
}

/// Neither an address nor a package: it says how the file came to be, and what to do with one's own.
#[test]
fn a_file_that_is_published_nowhere_says_so_and_is_left_out_of_all() {
    let cache = tempfile::tempdir().unwrap();
    let (set, places) = (pinned(""), places(cache.path(), None));
    let text = format!("{:#}", obtain::set(&set, &places).unwrap_err());
    assert!(text.contains("published nowhere") && text.contains("a test") && text.contains("datasets/cache/set.txt"), "{text}");
    assert!(published(vec![&set], &places).is_empty());
    fs::write(cache.path().join("set.txt"), "abc").unwrap();
    assert_eq!(published(vec![&set], &places).len(), 1);
}

#[test]
fn the_list_says_where_a_set_is_or_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let (sets, places) = ([pinned("url = 'http://127.0.0.1/'")], places(folder.path(), None));
    assert!(list(&sets, &places).contains("not here; cargo xtask data set"));
    assert!(list(&[pinned("")], &places).contains("not here; published nowhere"));
    fs::write(folder.path().join("set.txt"), "abc").unwrap();
    assert!(list(&sets, &places).contains(&folder.path().display().to_string()));
}

#[test]
fn checking_counts_a_wrong_file_always_and_a_missing_one_if_it_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let (set, places) = (pinned(&format!("url = '{}'", nobody())), places(folder.path(), None));
    assert_eq!([check(&[&set], &places, false), check(&[&set], &places, true)], [0, 1]);
    fs::write(folder.path().join("set.txt"), "abc").unwrap();
    assert_eq!(check(&[&set], &places, true), 0);
    fs::write(folder.path().join("set.txt"), "abd").unwrap();
    assert_eq!(check(&[&set], &places, false), 1);
}

#[test]
fn licence_and_origin_are_in_what_is_shown_first() {
    let text = introduction(&pinned(""));
    assert!(text.contains("licence: a licence") && text.contains("origin: a test") && text.contains("3 B"), "{text}");
}
