import CZlib

/// zlib's format, which git's objects are kept in. Every size is bounded by the caller before a byte is unpacked.
enum Deflate {
    /// Level 1: what a round writes is small and soon packed again by git.
    static func compress(_ bytes: [UInt8]) throws(GitError) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var code: Int32 = Z_OK
        let packed = [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            bytes.withUnsafeBufferPointer { source in
                // An empty array may have no address; zlib wants one.
                var nothing: UInt8 = 0
                code = withUnsafePointer(to: &nothing) {
                    compress2(buffer.baseAddress, &length, source.baseAddress ?? $0, uLong(source.count), 1)
                }
            }
            count = code == Z_OK ? Int(length) : 0
        }
        guard code == Z_OK else { throw .damaged("zlib gave \(code) for \(bytes.count) bytes") }
        return packed
    }

    enum Unpacked {
        case whole(bytes: [UInt8], packedBytes: Int)
        /// The input ends before the object does.
        case cut
        /// Not of the format, or of another size than was said.
        case wrong
    }

    /// One object of exactly `size` bytes from the beginning of `input`.
    static func expand(_ input: ArraySlice<UInt8>, size: Int) -> Unpacked {
        var stream = z_stream()
        guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return .wrong }
        defer { inflateEnd(&stream) }
        var code: Int32 = Z_OK
        // One byte more than promised, so that an object which is longer shows.
        let bytes = [UInt8](unsafeUninitializedCapacity: size + 1) { output, count in
            code = input.withUnsafeBufferPointer { source in
                stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                stream.avail_in = uInt(clamping: source.count)
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(clamping: size + 1)
                return inflate(&stream, Z_FINISH)
            }
            count = min(Int(stream.total_out), size + 1)
        }
        switch code {
        case Z_STREAM_END where bytes.count == size:
            return .whole(bytes: bytes, packedBytes: Int(stream.total_in))
        case Z_BUF_ERROR, Z_OK: return bytes.count <= size && stream.avail_in == 0 ? .cut : .wrong
        default: return .wrong
        }
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32(0, $0.baseAddress, uInt(clamping: $0.count))) }
    }
}
