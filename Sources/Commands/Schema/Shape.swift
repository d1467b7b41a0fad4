/// What a JSON value may be: the part of JSON Schema (2020-12) that our output needs.
indirect enum Shape: Sendable {
    case text
    /// RFC 3339, UTC.
    case time
    case integer
    case number
    case flag
    /// One of these words, and no other within the version.
    case words([String])
    case list(Shape)
    /// A value that may be `null`.
    case orNull(Shape)
    case object([Field])

    struct Field: Sendable {
        var name: String
        var shape: Shape
        /// False: it may be missing.
        var isAlways: Bool
        var about: String?

        /// A field that is always there.
        static func always(_ name: String, _ shape: Shape, _ about: String? = nil) -> Field {
            Field(name: name, shape: shape, isAlways: true, about: about)
        }

        /// A field that is there where there is something to tell.
        static func maybe(_ name: String, _ shape: Shape, _ about: String? = nil) -> Field {
            Field(name: name, shape: shape, isAlways: false, about: about)
        }
    }

    /// The keywords, as lines of JSON without the braces around them.
    func lines(_ about: String? = nil) -> [String] {
        let told = about.map { [#""description": "\#($0)""#] } ?? []
        switch self {
        case .text: return told + [#""type": "string""#]
        case .time: return told + [#""type": "string""#, #""format": "date-time""#]
        case .integer: return told + [#""type": "integer""#]
        case .number: return told + [#""type": "number""#]
        case .flag: return told + [#""type": "boolean""#]
        case .words(let words):
            return told + [#""enum": [\#(words.map { #""\#($0)""# }.joined(separator: ", "))]"#]
        case .list(let shape): return told + [#""type": "array""#, #""items": "# + shape.braced]
        case .orNull(let shape): return told + [#""anyOf": ["# + shape.braced + #", {"type": "null"}]"#]
        case .object(let fields):
            let required = fields.filter(\.isAlways).map { #""\#($0.name)""# }.joined(separator: ", ")
            let members = fields.map { field in
                #"  "\#(field.name)": "# + Shape.braced(field.shape.lines(field.about)).indented
            }
            return told + [
                #""type": "object""#, #""required": [\#(required)]"#,
                #""properties": {"# + "\n" + members.joined(separator: ",\n") + "\n}",
            ]
        }
    }

    var braced: String { Shape.braced(lines()) }

    private static func braced(_ lines: [String]) -> String {
        let isShort = lines.count < 3 && !lines.contains { $0.contains("\n") }
        if isShort { return "{" + lines.joined(separator: ", ") + "}" }
        return "{\n" + lines.map { "  " + $0.indented }.joined(separator: ",\n") + "\n}"
    }
}

extension String {
    /// Every line but the first moved in by two.
    fileprivate var indented: String { replacing("\n", with: "\n  ") }
}

/// One schema.
struct Schema: Sendable {
    var name: String
    /// The command whose output it is of.
    var of: String
    var shape: Shape

    var text: String {
        let head = [
            #""$schema": "https://json-schema.org/draft/2020-12/schema""#, #""$id": "baton:\#(name)""#,
            #""title": "\#(of)""#,
        ]
        let lines = (head + shape.lines()).map { "  " + $0.replacing("\n", with: "\n  ") }
        return "{\n" + lines.joined(separator: ",\n") + "\n}"
    }
}
