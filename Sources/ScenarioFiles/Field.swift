import Primitives
import Simulation

/// One `key=value` (or one word) of a block as `net` or `disk`: how it is read into `Root`, and how it is written if it
/// is not what it is without it.
struct Field<Root: Sendable>: Sendable {
    typealias Read = @Sendable (inout WordReader, inout Root) throws(ScenarioProblem) -> Void

    let name: String
    /// False: a word without a value.
    let hasValue: Bool
    let read: Read
    let write: @Sendable (Root) -> String?

    /// A word that is there or not.
    static func flag(_ name: String, _ path: any WritableKeyPath<Root, Bool> & Sendable, inverted: Bool = false)
        -> Field
    {
        Field(
            name: name, hasValue: false,
            read: { (_, root) throws(ScenarioProblem) in root[keyPath: path] = !inverted },
            write: { $0[keyPath: path] != inverted ? "" : nil })
    }

    static func length(
        _ name: String, _ path: any WritableKeyPath<Root, Nanoseconds> & Sendable,
        _ range: ClosedRange<Nanoseconds> = 0...SimulationLimits.duration, standard: Root
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.duration("a time", in: range)
            },
            write: { $0[keyPath: path] == standard[keyPath: path] ? nil : Quantity.text(duration: $0[keyPath: path]) })
    }

    static func length(_ name: String, _ path: any WritableKeyPath<Root, Nanoseconds?> & Sendable) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.duration("a time", in: 0...SimulationLimits.duration)
            },
            write: { $0[keyPath: path].map(Quantity.text(duration:)) })
    }

    /// How often, or how long between two.
    static func rate(
        _ name: String, _ path: any WritableKeyPath<Root, Nanoseconds> & Sendable, standard: Root
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.interval("a rate", in: Workload.pauses)
            },
            write: { $0[keyPath: path] == standard[keyPath: path] ? nil : Quantity.text(interval: $0[keyPath: path]) })
    }

    static func rate(_ name: String, _ path: any WritableKeyPath<Root, Nanoseconds?> & Sendable) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.interval("a rate", in: Workload.pauses)
            },
            write: { $0[keyPath: path].map(Quantity.text(interval:)) })
    }

    static func share(_ name: String, _ path: any WritableKeyPath<Root, Int> & Sendable) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in root[keyPath: path] = try reader.share("a share") },
            write: { $0[keyPath: path] == 0 ? nil : Quantity.text(share: Int64($0[keyPath: path])) })
    }

    static func count(
        _ name: String, _ path: any WritableKeyPath<Root, Int> & Sendable, _ range: ClosedRange<Int>, standard: Root
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.count("a count", in: range)
            },
            write: { $0[keyPath: path] == standard[keyPath: path] ? nil : "\($0[keyPath: path])" })
    }

    static func range(
        _ name: String, _ path: any WritableKeyPath<Root, ClosedRange<Nanoseconds>> & Sendable, standard: Root
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                let span = try SlotParser(devices: []).span("a time", 0...SimulationLimits.duration, &reader)
                root[keyPath: path] = span.low...span.high
            },
            write: {
                let range = $0[keyPath: path]
                guard range != standard[keyPath: path] else { return nil }
                return SlotParser.text(Span(range.lowerBound, range.upperBound))
            })
    }

    static func delay(
        _ name: String, _ path: any WritableKeyPath<Root, Delay> & Sendable, most: Duration, standard: Root
    ) -> Field {
        Field(
            name: name, hasValue: true,
            read: { (reader, root) throws(ScenarioProblem) in
                root[keyPath: path] = try reader.delay(most: most.wholeNanoseconds)
            },
            write: { $0[keyPath: path] == standard[keyPath: path] ? nil : $0[keyPath: path].fileText })
    }
}

/// A line of fields: `net delay=5ms loss=1%`.
enum Block {
    static func parse<Root>(
        _ reader: inout WordReader, _ fields: [Field<Root>], into root: inout Root
    ) throws(ScenarioProblem) {
        let names = fields.map(\.name)
        var seen: [String] = []
        while !reader.isAtEnd {
            let (key, value) = try reader.setting()
            guard let field = fields.first(where: { $0.name == key.text }) else {
                throw reader.problem(key, "'\(key.text)' is not known here", hint: Spelling.hint(key.text, names))
            }
            guard !seen.contains(field.name) else {
                throw reader.problem(key, "'\(field.name)' stands here twice", hint: "leave one of them out")
            }
            seen.append(field.name)
            guard field.hasValue == (value != nil) else {
                throw reader.problem(
                    key, field.hasValue ? "'\(field.name)' lacks its value" : "'\(field.name)' takes no value",
                    hint: field.hasValue ? "write \(field.name)=..." : "write \(field.name) alone")
            }
            var inner = value ?? reader
            try field.read(&inner, &root)
        }
    }

    /// Nil if nothing differs from what is so without it.
    static func text<Root>(_ root: Root, _ fields: [Field<Root>]) -> String? {
        let words = fields.compactMap { field in
            field.write(root).map { field.hasValue ? "\(field.name)=\($0)" : field.name }
        }
        return words.isEmpty ? nil : words.joined(separator: " ")
    }
}

extension Workload {
    static let pauses: ClosedRange<Nanoseconds> = .milliseconds(1)...(.hours(24))
}
