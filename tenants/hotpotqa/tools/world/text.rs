//! The words that the world is made of.

/// A part of the world, whose articles are the evidence of one split.
pub(crate) struct Words {
    pub(crate) split: &'static str,
    /// Two countries, each with what its people are called.
    pub(crate) countries: [(&'static str, &'static str); 2],
    pub(crate) seas: [&'static str; 2],
    pub(crate) heads: [&'static str; 12],
    pub(crate) tails: [&'static str; 8],
    pub(crate) given: [&'static str; 16],
    pub(crate) surnames: [&'static str; 14],
}

pub(crate) const REALMS: [Words; 3] = [
    Words {
        split: "train",
        countries: [("Velmark", "Velmarkian"), ("Ostrany", "Ostranian")],
        seas: ["Gray Sea", "Sea of Lamps"],
        heads: [
            "Tar", "Vel", "Hol", "Bran", "Ske", "Mar", "Dun", "Kel", "Fro", "Ald", "Gri", "Wes",
        ],
        tails: ["mouth", "holm", "vik", "sted", "ford", "gard", "by", "wick"],
        given: [
            "Anselm", "Birte", "Corvin", "Dagny", "Edda", "Falk", "Gerda", "Halvar", "Ilse",
            "Jorun", "Kettil", "Liv", "Magnar", "Nanna", "Osmund", "Ragna",
        ],
        surnames: [
            "Holt",
            "Lindqvar",
            "Marsk",
            "Tolvane",
            "Brandt-Orm",
            "Skade",
            "Vinter",
            "Ekdal",
            "Rask",
            "Solheim",
            "Torsk",
            "Ulvane",
            "Dalgar",
            "Fenn",
        ],
    },
    Words {
        split: "validation",
        countries: [("Carasso", "Carassian"), ("Lumenza", "Lumenzan")],
        seas: ["Amber Sea", "Gulf of Sails"],
        heads: [
            "Mon", "Cal", "Ser", "Pal", "Tre", "Vico", "Ras", "Lun", "Bel", "Fior", "Gal", "Orto",
        ],
        tails: [
            "tello", "vara", "mona", "desa", "lino", "ghera", "sano", "riva",
        ],
        given: [
            "Alessio", "Bianca", "Carlotta", "Dario", "Elvira", "Fausto", "Ginevra", "Ivo",
            "Lavinia", "Marzio", "Nerina", "Orfeo", "Perla", "Renzo", "Silvana", "Tullio",
        ],
        surnames: [
            "Abrami", "Bellocco", "Cardano", "Dosseno", "Farnese", "Galvan", "Lovati", "Morosin",
            "Pescara", "Quirin", "Rovere", "Sartor", "Tessari", "Zorzan",
        ],
    },
    Words {
        split: "test",
        countries: [("Aldermoor", "Aldermooran"), ("Penwithy", "Penwithian")],
        seas: ["Cold Channel", "Sea of Gulls"],
        heads: [
            "Ash", "Brook", "Cairn", "Dray", "Elm", "Fal", "Hart", "Kings", "Lan", "Pol", "Thorn",
            "Wyn",
        ],
        tails: [
            "combe", "leigh", "don", "ham", "ton", "well", "stow", "bury",
        ],
        given: [
            "Agnes", "Barnaby", "Clement", "Dorcas", "Edwin", "Flora", "Gideon", "Hester",
            "Isolde", "Jasper", "Lettice", "Mungo", "Odette", "Piers", "Rowena", "Silas",
        ],
        surnames: [
            "Arkwell", "Bodmin", "Carrow", "Dewhurst", "Eddery", "Foxley", "Garrick", "Hallow",
            "Kestle", "Lamorna", "Nance", "Pascoe", "Tregarth", "Wyatt",
        ],
    },
];

pub(crate) const MONTHS: [&str; 6] = ["April", "May", "June", "August", "September", "October"];

/// The words of titles: any of the first with any of the second.
pub(crate) const TITLES: ([&str; 16], [&str; 16]) = (
    [
        "The Long",
        "The Silent",
        "A Winter",
        "The Salt",
        "The Broken",
        "The Last",
        "A Distant",
        "The Paper",
        "The Iron",
        "The Hidden",
        "A Borrowed",
        "The Glass",
        "The Red",
        "The Second",
        "A Narrow",
        "The Empty",
    ],
    [
        "Night", "Harbour", "Orchard", "Letter", "Road", "Winter", "Garden", "Lantern", "Bell",
        "Mirror", "Island", "Summer", "House", "Crossing", "Song", "Witness",
    ],
);

pub(crate) const PLOTS: [&str; 10] = [
    "a lighthouse keeper who finds a crate of letters",
    "two sisters who inherit a mill",
    "a clerk who is taken for a duke",
    "the crew of a ferry in a year of flood",
    "a village that hides a deserter",
    "a judge who has to try her own brother",
    "a clockmaker who cannot sleep",
    "the last winter of a whaling station",
    "a schoolboy who follows a travelling circus",
    "a quarrel over a bell between two parishes",
];

pub(crate) const ASIDES: [&str; 12] = [
    "kept bees for most of a long life",
    "played chess by letter with friends abroad",
    "never learnt to swim and feared the sea",
    "left a collection of some two thousand maps",
    "wrote a column on gardens for a newspaper",
    "spent three years in the navy",
    "gave up public life after an illness",
    "taught for some years without pay",
    "was known for a sharp tongue",
    "bred horses on a farm in the hills",
    "spoke five languages",
    "walked to work in all weathers",
];

pub(crate) const PRODUCTS: [&str; 6] = [
    "clocks",
    "rowing boats",
    "church organs",
    "tinned fish",
    "bicycles",
    "wool cloth",
];

pub(crate) const SUBJECTS: [&str; 5] = ["music", "surveying", "languages", "medicine", "drawing"];
