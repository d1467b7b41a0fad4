/// One JSON object, its fields in the order in which they were written.
struct JSONWriter {
    private(set) var text = ""
    private var needsComma = false

    mutating func begin(_ name: String? = nil) {
        if let name { key(name) }
        text += "{"
        needsComma = false
    }

    mutating func end() {
        text += "}"
        needsComma = true
    }

    mutating func field(_ name: String, _ number: UInt64) {
        key(name)
        text += String(number)
    }

    mutating func field(_ name: String, _ value: String) {
        key(name)
        text += Self.quoted(value)
    }

    mutating func field(_ name: String, _ values: [String]) {
        key(name)
        text += "[" + values.map(Self.quoted).joined(separator: ",") + "]"
    }

    private mutating func key(_ name: String) {
        if needsComma { text += "," }
        needsComma = true
        text += Self.quoted(name) + ":"
    }

    private static func quoted(_ value: String) -> String {
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
