import Primitives
import Simulation

/// What may stand behind a verb.
struct Slot: Sendable {
    enum Kind: Sendable {
        case who
        /// One device by its name, or any.
        case device
        /// `A->B`, `A<->B`, or `A` for all that goes to or comes from it.
        case route
        case span(what: String, ClosedRange<Nanoseconds>, signed: Bool)
        case number(what: String, ClosedRange<Int64>)
        case share
        /// A rate of a clock: `110%` is a tenth too fast.
        case speed
        case choice(what: String, [String])
        case setting
        case flag
    }

    var kind: Kind
    /// The word that goes before it.
    var keyword: String?
    var isOptional = false

    func behind(_ keyword: String) -> Slot { Slot(kind: kind, keyword: keyword, isOptional: isOptional) }
    var optional: Slot { Slot(kind: kind, keyword: keyword, isOptional: true) }

    static let who = Slot(kind: .who)
    static let device = Slot(kind: .device)
    static let route = Slot(kind: .route)
    static let length = Slot(kind: .span(what: "a length", 0...SimulationLimits.duration, signed: false))
    static let during = length.behind("for")
    static let down = length.behind("down")

    static func flag(_ word: String) -> Slot { Slot(kind: .flag, keyword: word, isOptional: true) }

    static func number(_ what: String, _ range: ClosedRange<Int64>) -> Slot {
        Slot(kind: .number(what: what, range))
    }

    static func choice(_ what: String, _ names: [String]) -> Slot { Slot(kind: .choice(what: what, names)) }
}

/// Something that can be done to a mesh.
struct Verb: Sendable {
    var name: String
    var slots: [Slot] = []

    init(_ name: String, _ slots: [Slot] = []) {
        self.name = name
        self.slots = slots
    }

    static func named(_ name: String) -> Verb? { all.first { $0.name == name } }

    static let all: [Verb] = cuts + links + processes + clocks + disks + members + hub + people

    private static let wall = Slot(
        kind: .span(
            what: "a distance", -Limits.scenarioWallJump.wholeNanoseconds...Limits.scenarioWallJump.wholeNanoseconds,
            signed: true))

    private static let cuts = [
        Verb("isolate", [.who, .during.optional]),
        Verb("halves", [.number("a border", 1...Int64(SimulationLimits.devices - 1)), .during.optional]),
        Verb("deaf", [.who, .during.optional]), Verb("mute", [.who, .during.optional]),
        Verb("ring", [.during.optional]), Verb("bridge", [.device, .during.optional]),
        Verb("chain", [.during.optional]), Verb("star", [.who, .during.optional]),
        Verb("link", [.device, .device, .during.optional]), Verb("cut", [.route, .during.optional]), Verb("mend"),
    ]

    private static let links = [
        Verb("clog", [.route, .length]), Verb("lossy", [.route, Slot(kind: .share), .length]),
        Verb("half-open", [.route, .length]), Verb("connect-hang", [.who, .length]),
        Verb("move-address", [.who, .length]),
    ]

    private static let processes = [
        Verb("crash", [.who, .flag("power"), .during.optional]),
        Verb(
            "crash-at",
            [
                .who, .choice("a boundary", Boundary.allCases.map(\.word)),
                .number("a count", 0...1_000_000).behind("skip").optional, .flag("power"), .down,
            ]),
        Verb("restart", [.who]),
        Verb(
            "restart-storm",
            [.who, .number("a count", 1...Int64(SimulationLimits.restarts)), .length.behind("every")]),
        Verb("suspend", [.who, .length]), Verb("freeze", [.who, .length]),
        Verb("slow", [.who, .length, .during]), Verb("stop", [.who]),
    ]

    private static let clocks = [Verb("wall", [.who, wall]), Verb("rate", [.who, Slot(kind: .speed)])]

    private static let disks = [
        Verb("disk-stall", [.who, .length]),
        Verb("disk-fault", [.who, .choice("a fault of a disk", DiskFault.allCases.map(\.rawValue)), .down]),
        Verb("rollback", [.who, .length]), Verb("wipe", [.who, .who.behind("by")]),
        Verb("sync-lies", [.who, .length]), Verb("clone", [.who, .length]),
    ]

    private static let members = [
        Verb("add", [.device]), Verb("remove", [.who, .who.behind("by")]),
        Verb("recover", [.who, .flag("force")]),
    ]

    private static let hub = [
        Verb("hub-refuses", [.length]), Verb("hub-hangs", [.length]),
        Verb("hub-loses-replies", [.number("a count", 1...1000)]), Verb("hub-foreign-push"),
        Verb("hub-forced-push"), Verb("hub-fence-deleted"),
    ]

    private static let people = [
        Verb("sync", [.who]), Verb("handoff", [.who, .device.behind("to").optional]),
        Verb(
            "lock",
            [.who, .number("a lock's number", 0...99), .length.behind("ttl"), .length.behind("hold"), .flag("wait")]),
        Verb("set", [.who, Slot(kind: .setting)]),
        Verb("pause", [.who, .flag("all"), .during.optional]), Verb("resume", [.who, .flag("all")]),
        Verb("emergency-stop", [.who]),
        Verb("user", [.who, .choice("what a person does", UserAction.allCases.map(\.rawValue))]),
        Verb("supply", [.who, .choice("what a device has little of", Supply.allCases.map(\.rawValue)), .length]),
        Verb("writers", [.who, .choice("how writers misbehave", WriterFault.allCases.map(\.rawValue)), .length]),
    ]
}

extension Boundary {
    var word: String { name.kebab }
}

extension String {
    /// `roundPublished` -> `round-published`.
    var kebab: String {
        var word = ""
        for character in self {
            if character.isUppercase { word += "-" }
            word += character.lowercased()
        }
        return word
    }
}
