//! Lists of numbers from other programs: one number a line, or CSV (RFC 4180) with a column of them.
//!
//! All of a list is taken or nothing: what isn't a number is told with its line. A first row without a number names the
//! columns; where several could be meant, the list is refused.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::show::clean;
use crate::limits;
use crate::phone::Party;

/// The numbers of a list at `path`, each as `read` understands it.
///
/// # Errors
/// What is wrong, a line each: with file and line, and what to write.
pub(super) fn read(
    path: &Path,
    read: impl Fn(&str) -> Result<Party, String>,
) -> Result<Vec<Party>, Vec<String>> {
    let named = clean(&path.display().to_string()).into_owned();
    let told = |(line, why): Wrong| match line {
        Some(line) => format!("{named}:{line}: {}", clean(&why)),
        None => format!("{named}: {why}"),
    };
    let text = text(path).map_err(|why| vec![told((None, why))])?;
    list(&text, read).map_err(|wrong| shortened(wrong.into_iter().map(told).collect()))
}

/// What is wrong with a list, and the line it stands in.
pub type Wrong = (Option<u64>, String);

/// The numbers of a list, each as `read` understands it.
///
/// # Errors
/// All that is wrong.
pub fn list(text: &str, read: impl Fn(&str) -> Result<Party, String>) -> Result<Vec<Party>, Vec<Wrong>> {
    let rows = rows(text).map_err(|(line, why)| vec![(Some(line), why)])?;
    let mut rows = rows.into_iter().peekable();
    let column = match rows.peek() {
        Some((line, cells))
            if cells.iter().all(|cell| read(cell).is_err()) && cells.iter().any(|cell| is_name(cell)) =>
        {
            let column = column(cells).map_err(|why| vec![(Some(*line), why)])?;
            rows.next();
            column
        }
        _ => 0,
    };
    let (mut numbers, mut wrong) = (Vec::new(), Vec::new());
    for (line, cells) in rows {
        match cells.get(column).map_or(Err("this row has no number".to_owned()), |cell| read(cell)) {
            Ok(number) => numbers.push(number),
            Err(why) => wrong.push((Some(line), why)),
        }
        if numbers.len() > limits::IMPORTED {
            let most = limits::IMPORTED;
            return Err(vec![(Some(line), format!("more than {most} numbers; cut the list in pieces"))]);
        }
    }
    if wrong.is_empty() && numbers.is_empty() {
        wrong.push((None, "there is no number in it".to_owned()));
    }
    if wrong.is_empty() { Ok(numbers) } else { Err(wrong) }
}

fn shortened(mut wrong: Vec<String>) -> Vec<String> {
    let more = wrong.len().saturating_sub(TOLD);
    wrong.truncate(TOLD);
    if more > 0 {
        wrong.push(format!("... and {more} more lines"));
    }
    wrong
}

fn text(path: &Path) -> Result<String, String> {
    let cant = |error: std::io::Error| format!("can't be read: {error}");
    let file = File::open(path).map_err(cant)?;
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(cant)?;
    if bytes.len() as u64 > MOST {
        return Err(format!("longer than {MOST} bytes; cut the list in pieces"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "isn't UTF-8; save it as CSV UTF-8".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The one column of numbers that a first row names.
fn column(cells: &[String]) -> Result<usize, String> {
    let parties = || cells.iter().filter(|cell| RECEIVES.contains(&&*word(cell)) || word(cell) == SENDS);
    let many: Vec<&str> = match parties().any(|cell| word(cell) == SENDS) && parties().count() > 1 {
        true => parties().map(|cell| cell.trim()).collect(),
        false => cells.iter().filter(|cell| is_name(cell)).map(|cell| cell.trim()).collect(),
    };
    if many.len() > 1 {
        return Err(format!("whose numbers are meant: {}? leave one of these columns", many.join(", ")));
    }
    Ok(cells.iter().position(|cell| is_name(cell)).unwrap_or(0))
}

/// What other programs call a column of numbers.
fn is_name(cell: &str) -> bool {
    let word = word(cell);
    let names = ["number", "phone", "phonenumber", "mobile", "cell", "msisdn", "telephone"];
    names.contains(&&*word) || RECEIVES.contains(&&*word)
}

fn word(cell: &str) -> String {
    cell.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

type Row = (u64, Vec<String>);

/// The rows of a CSV, each with the line it begins in; `,` and `;` and tabs part cells.
fn rows(text: &str) -> Result<Vec<Row>, (u64, String)> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, None);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += u64::from(c == '\n');
        match (c, quoted) {
            ('"', Some(_)) if chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            ('"', Some(_)) => quoted = None,
            (_, Some(_)) => cell.push(c),
            ('"', None) if cell.trim().is_empty() => {
                cell.clear();
                quoted = Some(line);
            }
            (',' | ';' | '\t', None) => cells.push(std::mem::take(&mut cell)),
            ('\n', None) => {
                cells.push(std::mem::take(&mut cell));
                let cells = std::mem::take(&mut cells);
                if !is_blank(&cells) {
                    rows.push((begun, cells));
                }
                begun = line;
            }
            ('\r', None) => {}
            _ => cell.push(c),
        }
        if cells.len() > COLUMNS {
            return Err((begun, format!("more than {COLUMNS} columns")));
        }
        // A row for each number, and one that names the columns.
        if rows.len() > limits::IMPORTED + 1 {
            let most = limits::IMPORTED;
            return Err((begun, format!("more than {most} rows; cut the list in pieces")));
        }
    }
    if let Some(line) = quoted {
        return Err((line, "a quotation mark opens here and isn't closed".to_owned()));
    }
    cells.push(cell);
    if !is_blank(&cells) {
        rows.push((begun, cells));
    }
    Ok(rows)
}

fn is_blank(cells: &[String]) -> bool {
    cells.iter().all(|cell| cell.trim().is_empty())
}

/// Columns of those who were written to, and of those who wrote.
const RECEIVES: [&str; 2] = ["to", "recipient"];
const SENDS: &str = "from";
const MOST: u64 = 16 << 20;
const COLUMNS: usize = 1_000;
const TOLD: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Number;

    fn of(text: impl AsRef<[u8]>) -> Result<Vec<String>, Vec<String>> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list.csv");
        std::fs::write(&path, text).expect("written");
        let number = |text: &str| {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            let plain = text.chars().all(|c| c.is_ascii_digit() || " +-()".contains(c));
            let number = Number::parse(&format!("+1{digits}")).filter(|_| plain && digits.len() == 10);
            number.map(Party::Number).ok_or_else(|| format!("`{text}` is no number"))
        };
        let folder = format!("{}/", folder.path().display());
        let told = |wrong: Vec<String>| wrong.iter().map(|line| line.replace(&folder, "")).collect();
        read(&path, number).map(|all| all.iter().map(Party::shown).collect()).map_err(told)
    }

    #[test]
    fn a_list_is_one_number_a_line_or_a_column_of_a_csv() {
        let both = Ok(vec!["+13125550142".to_owned(), "+13125550143".to_owned()]);
        for text in [
            "3125550142\n(312) 555-0143",
            "\u{feff}3125550142\r\n\r\n3125550143\r\n",
            "Phone Number\n3125550142\n3125550143\n",
            "name,phone,note\n\"Doe, \"\"J\"\"\",3125550142,\"two\nlines\"\nRoe,312-555-0143,=1+1\n",
            "Name;Mobile\nDoe;3125550142\nRoe;3125550143",
        ] {
            assert_eq!(of(text), both, "{text}");
        }
    }

    #[test]
    fn one_wrong_line_refuses_all_and_is_named() {
        assert_eq!(of("3125550142\nnobody\n"), Err(vec!["list.csv:2: `nobody` is no number".into()]));
        let told = of("name,phone\n\"a\nb\",3125550142\nRoe\n").expect_err("wrong");
        assert_eq!(told, ["list.csv:4: this row has no number"]);
        assert_eq!(of("").expect_err("empty"), ["list.csv: there is no number in it"]);
        assert_eq!(of("phone\n").expect_err("empty"), ["list.csv: there is no number in it"]);
        let many = of("x\n".repeat(1_000)).expect_err("wrong");
        assert_eq!((many.len(), many[5].as_str()), (6, "... and 995 more lines"));
    }

    #[test]
    fn a_list_in_which_several_columns_may_be_meant_is_refused() {
        for header in ["From,To", "to;from", "from,body,recipient", "Phone,Mobile", "number,to"] {
            let told = of(format!("{header}\n3125550142,3125550143,3125550144\n")).expect_err(header);
            assert!(told[0].starts_with("list.csv:1: whose numbers are meant: "), "{told:?}");
        }
        assert_eq!(of("to,body\n3125550142,STOP\n"), Ok(vec!["+13125550142".to_owned()]));
        assert_eq!(of("from,phone\nweb,3125550142\n"), Ok(vec!["+13125550142".to_owned()]));
    }

    #[test]
    fn what_is_hostile_is_refused_in_a_line() {
        assert_eq!(
            of("3125550142\n\"3125550143\n").expect_err("open"),
            ["list.csv:2: a quotation mark opens here and isn't closed"]
        );
        assert!(of([0xff, 0xfe]).expect_err("bytes")[0].contains("UTF-8"));
        assert!(of(",".repeat(1 << 20)).expect_err("wide")[0].contains("columns"));
        let told = of("\u{1b}[31m\n").expect_err("control");
        assert!(!told[0].contains('\u{1b}'), "{told:?}");
        assert!(of("3125550142\n".repeat(limits::IMPORTED + 1)).expect_err("long")[0].contains("more than"));
        assert!(of("x\n".repeat(limits::IMPORTED * 2)).expect_err("long")[0].contains("rows"));
    }
}
