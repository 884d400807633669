//! Books with real authors and titles, in nine scripts, for searches.

// Each benchmark uses a part of this.
#![allow(dead_code)]

use bookshelf_crd::Book;
use bookshelf_store::repository::search;

use super::books::{self, OurCache};

/// Authors and titles. Half of them are in Latin letters.
const BOOKS: [(&str, &str); 60] = [
    ("Modenov P.S.", "Analytic Geometry"),
    (
        "Taylor D.J., Green N.P.O., Stout G.W.",
        "Biological Science 1 and 2",
    ),
    ("Tolstoy, Leo", "War and Peace"),
    ("Austen, Jane", "Pride and Prejudice"),
    ("Melville, Herman", "Moby-Dick; or, The Whale"),
    ("García Márquez, Gabriel", "Cien años de soledad"),
    (
        "Cervantes Saavedra, Miguel de",
        "El ingenioso hidalgo Don Quijote de la Mancha",
    ),
    (
        "Proust, Marcel",
        "À la recherche du temps perdu: Du côté de chez Swann",
    ),
    ("Hugo, Victor", "Les Misérables"),
    ("Goethe, Johann Wolfgang von", "Die Leiden des jungen Werthers"),
    ("Kafka, Franz", "Die Verwandlung"),
    ("Mann, Thomas", "Buddenbrooks: Verfall einer Familie"),
    ("Pessoa, Fernando", "Livro do Desassossego"),
    ("Calvino, Italo", "Se una notte d'inverno un viaggiatore"),
    ("Hašek, Jaroslav", "Osudy dobrého vojáka Švejka za světové války"),
    ("Mickiewicz, Adam", "Pan Tadeusz, czyli Ostatni zajazd na Litwie"),
    ("Undset, Sigrid", "Kristin Lavransdatter: Kransen"),
    ("Pamuk, Orhan", "Masumiyet Müzesi"),
    ("Nguyễn Du", "Truyện Kiều"),
    (
        "Knuth, Donald E.",
        "The Art of Computer Programming: Fundamental Algorithms",
    ),
    (
        "Darwin, Charles",
        "On the Origin of Species by Means of Natural Selection",
    ),
    ("Joyce, James", "A Portrait of the Artist as a Young Man"),
    ("O'Brien, Flann", "At Swim-Two-Birds"),
    ("Woolf, Virginia", "To the Lighthouse"),
    ("Orwell, George", "Nineteen Eighty-Four"),
    ("Achebe, Chinua", "Things Fall Apart"),
    ("Eco, Umberto", "Il nome della rosa"),
    (
        "Shelley, Mary Wollstonecraft",
        "Frankenstein; or, The Modern Prometheus",
    ),
    ("Carroll, Lewis", "Alice's Adventures in Wonderland"),
    ("Cormen, Leiserson, Rivest, Stein", "Introduction to Algorithms"),
    ("Толстой Л. Н.", "Война и мир"),
    ("Достоевский Ф. М.", "Преступление и наказание"),
    ("Булгаков М. А.", "Мастер и Маргарита"),
    ("Чехов А. П.", "Вишнёвый сад"),
    ("Шевченко Т. Г.", "Кобзар"),
    ("Όμηρος", "Ὀδύσσεια"),
    ("Καζαντζάκης Νίκος", "Βίος και Πολιτεία του Αλέξη Ζορμπά"),
    ("Σεφέρης Γιώργος", "Μυθιστόρημα"),
    ("עמוס עוז", "סיפור על אהבה וחושך"),
    ("ש״י עגנון", "תמול שלשום"),
    ("نجيب محفوظ", "بين القصرين"),
    ("ابن خلدون", "المقدمة"),
    ("الطيب صالح", "موسم الهجرة إلى الشمال"),
    ("प्रेमचंद", "गोदान"),
    ("रवीन्द्रनाथ ठाकुर", "गीतांजलि"),
    ("हरिवंशराय बच्चन", "मधुशाला"),
    ("曹雪芹", "红楼梦"),
    ("吴承恩", "西游记"),
    ("罗贯中", "三国演义"),
    ("鲁迅", "阿Q正传"),
    ("余华", "活着"),
    ("村上春樹", "ノルウェイの森"),
    ("夏目漱石", "吾輩は猫である"),
    ("紫式部", "源氏物語"),
    ("川端康成", "雪国"),
    ("สุนทรภู่", "พระอภัยมณี"),
    ("คึกฤทธิ์ ปราโมช", "สี่แผ่นดิน"),
    ("한강", "채식주의자"),
    ("조남주", "82년생 김지영"),
    ("박경리", "토지"),
];

/// Returns a different book for each number: a title with the numbers of its copy and edition.
pub(crate) fn book(number: usize, version: usize) -> Book {
    let mut book = books::changed(number, version);
    // Neighbours differ in script, because ids are independent of titles.
    let (author, title) = BOOKS[number * 7 % BOOKS.len()];
    author.clone_into(&mut book.spec.author);
    book.spec.title = format!(
        "{title} ({}, {})",
        number / BOOKS.len() % 100,
        number / BOOKS.len() / 100
    );
    book
}

/// Returns this many books, in the order in which an API server lists them.
pub(crate) fn listed(size: usize) -> impl Iterator<Item = Book> {
    let numbers = (0..books::NAMESPACES).flat_map(move |first| (first..size).step_by(books::NAMESPACES));
    numbers.map(|number| book(number, number + 1))
}

/// A cache of these books, with their texts or without.
pub(crate) fn cache(size: usize, has_texts: bool) -> OurCache {
    let cache = OurCache::with(|builder| {
        if has_texts {
            builder.text(search::text)
        } else {
            builder
        }
    });
    cache.list(listed(size));
    cache
}
