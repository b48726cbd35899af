"""Every error the library raises on purpose.

DetectorError
    InputError              the caller's text, record or file is at fault; fix and resend
        RecordError         one record of a batch; carries its position
        ColumnError         a table without a column that holds the text
    OutputError             the result could not be written: disk full, no such folder
    BundleError             the model folder is missing a file, or a file is not the one it declares
    BackendError            the runtime failed on valid input; retry or report
    EvidenceError           kept evidence is not what its manifest says
    ServiceError            the service refused a request or cannot be reached; carries its status
    MissingExtraError       an optional dependency is not installed
"""


class DetectorError(Exception):
    """Root of every error raised on purpose."""


class InputError(DetectorError):
    """The caller's text, record or file is at fault."""


class RecordError(InputError):
    """One record of a batch is at fault.

    :param index: Position of the record, counted from 0 at the start of the batch or file.
    :param reason: What was expected and what was got, without the text of the post.
    """

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"record {index}: {reason}")
        self.index = index
        self.reason = reason


class ColumnError(InputError):
    """A table has no column that can be taken for the text of the posts."""


class OutputError(DetectorError):
    """The result could not be written."""


class BundleError(DetectorError):
    """The model folder is not what it says it is."""


class BackendError(DetectorError):
    """The runtime failed on valid input."""


class EvidenceError(DetectorError):
    """Kept evidence is not what its manifest says."""


class ServiceError(DetectorError):
    """A request to the service has failed for good.

    :param status: HTTP status of the answer; nothing if none came.
    :param request_id: What the service calls the request in its log.
    """

    def __init__(self, message: str, status: int | None = None, request_id: str | None = None) -> None:
        super().__init__(message if request_id is None else f"{message} (request {request_id})")
        self.status = status
        self.request_id = request_id


class MissingExtraError(DetectorError):
    """An optional dependency is not installed.

    :param module: The module that could not be imported.
    :param extra: The extra that installs it.
    """

    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"'{module}' is not installed; run: pip install 'scam-recruitment-detector[{extra}]'")
        self.module = module
        self.extra = extra


EXIT_CODES: dict[type[DetectorError], int] = {
    InputError: 3,
    BundleError: 4,
    BackendError: 5,
    OutputError: 6,
    MissingExtraError: 7,
    EvidenceError: 8,
    ServiceError: 9,
}
"""Exit status of a command for each branch of the tree."""

SOME_REFUSED = 2
"""Exit status of a command that ended well, but refused some rows."""


def exit_code(error: DetectorError) -> int:
    """Return the exit status for an error: that of the nearest branch of the tree."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 1)
