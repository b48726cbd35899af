"""What one would build without this project: a keyword rule, TF-IDF, and logistic regression on a frozen encoder.

Each is trained on the posts that the model was trained on and scored on the posts that it is tested on.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from detector.text import normalise
from training.network import Network
from training.prepare import Prepared, load_prepared

FloatArray = NDArray[np.float64]

KEYWORDS = re.compile(
    r"cambodia|kamboja|kemboja|campuchia|กัมพูชา|ปอยเปต|柬埔寨|西港|金边|金邊|កម្ពុជា|ព្រះសីហនុ|បាវិត|कंबोडिया|ကမ္ဘောဒီးယား|ກຳປູເຈຍ|"
    r"myanmar|miến điện|เมียวดี|พม่า|缅|緬|妙瓦底|မြဝတီ|म्यांमार|laos|lào|ລາວ|老挝|金三角|golden triangle|ບໍ່ແກ້ວ|dubai|迪拜|杜拜|दुबई|"
    r"sihanoukville|myawaddy|bavet|poipet|pogo|no experience|"
    r"tanpa pengalaman|tiada pengalaman|không cần kinh nghiệm|walang experience|"
    r"ไม่ต้องมีประสบการณ์|毋須經驗|无需经验|無經驗|अनुभव नहीं|អត់ត្រូវការបទពិសោធន៍|အတွေ့အကြုံမလို|ບໍ່ຕ້ອງມີປະສົບການ|"
    r"ticket|visa|tiket|paspor|passport|vé máy bay|hộ chiếu|ตั๋ว|机票|機票|护照|टिकट|पासपोर्ट|លិខិតឆ្លងដែន|ပတ်စပို့|ພາສປອດ|"
    r"typing|chat|admin|customer service|ตอบแชท|แอดมิน|打字|客服|đánh máy|टाइपिंग|telegram|whatsapp|zalo|\bline\b|飞机|飛機|"
    r"usd|\$|dollar|đô|ดอลลาร์|美金|डॉलर|ដុល្លារ|ဒေါ်လာ|ໂດລາ|bonus|commission|hoa hồng|komisi|"
    r"提成|bet|casino|judi|slot|博彩|菠菜|crypto|"
    r"கம்போடியா|மியான்மர்|துபாய்|அனுபவம் தேவையில்லை|விசா|டிக்கெட்|பாஸ்போர்ட்|டைப்பிங்|டெலிகிராம்|டாலர்|"
    r"কম্বোডিয়া|মিয়ানমার|দুবাই|অভিজ্ঞতা লাগবে না|ভিসা|টিকিট|পাসপোর্ট|টাইপিং|টেলিগ্রাম|ডলার|"
    r"कम्बोडिया|म्यानमार|अनुभव चाहिँदैन|भिसा|राहदानी|टेलिग्राम|"
    r"کمبوڈیا|میانمار|دبئی|تجربے کی ضرورت نہیں|ویزا|ٹکٹ|پاسپورٹ|ٹائپنگ|ٹیلی ?گرام|ڈالر|"
    r"කාම්බෝජ|මියන්මාර|ඩුබායි|අත්දැකීම් අවශ්‍ය නැ|වීසා|ටිකට්|පාස්පෝට්|ටයිප්|ටෙලිග්‍රෑම්|ඩොලර්|"
    r"kambodia|kambodja|uzoefu hauhitajiki|bila uzoefu|tajribasiz|tiketi|chipta|pasipoti|"
    r"ካምቦዲያ|ማይናማር|ዱባይ|ልምድ አያስፈልግም|ቪዛ|ቲኬት|ፓስፖርት|ታይፒንግ|ቴሌግራም|ዶላር|"
    r"كمبوديا|ميانمار|دبي|بدون خبرة|تأشيرة|تذكرة|جواز|تيليجرام|تلغرام|دولار|"
    r"камбодж|мьянм|дубай|без опыта|тажрибасиз|виза|билет|паспорт|телеграм|доллар|казино|"
    r"camboja|camboya|mianmar|birmania|sem experiência|sin experiencia|passagem|pasaje|passaporte|pasaporte|dólar|"
    r"캄보디아|미얀마|라오스|두바이|경력 ?무관|항공권|비자|여권|타이핑|채팅|텔레그램|달러|"
    r"カンボジア|ミャンマー|ラオス|ドバイ|未経験|航空券|ビザ|パスポート|タイピング|チャット|テレグラム|ドル",
    re.IGNORECASE,
)
"""Places, perks and duties from the indicator list, in the languages of the corpus."""


def baseline_scores(run: Path) -> dict[str, list[float]]:
    """Return the scores of the corpus' test posts by each baseline, in order; the slow ones are kept in the run folder.

    They do not hang on the network that is trained, so this can be run while that trains.
    """
    prepared = load_prepared(run / "prepared")
    train, test = prepared.part("train"), prepared.part("test")
    test = test.select(np.flatnonzero(np.asarray(test["source"]) == "corpus"))
    return {**_kept(run / "baselines.json", prepared, train, test), "keywords": keyword_scores(test["text"]).tolist()}


def _kept(path: Path, prepared: Prepared, train: Dataset, test: Dataset) -> dict[str, list[float]]:
    """Return the scores of the baselines that must be trained, computed once for each state of the posts."""
    if path.exists():
        found = json.loads(path.read_text("utf-8"))
        if found["fingerprint"] == prepared.facts["fingerprint"]:
            return dict(found["scores"])
    scores = {
        "tfidf_logistic_regression": tfidf_scores(train, test["text"]).tolist(),
        "frozen_encoder_logistic_regression": frozen_encoder_scores(prepared, train, test).tolist(),
    }
    path.write_text(json.dumps({"fingerprint": prepared.facts["fingerprint"], "scores": scores}) + "\n", "utf-8")
    return scores


def keyword_scores(texts: Sequence[str]) -> FloatArray:
    """Return how many different keywords each text holds, *shape* ``(n_texts,)``."""
    return np.array([len({m.group().lower() for m in KEYWORDS.finditer(text)}) for text in texts], dtype=float)


def tfidf_scores(train: Dataset, texts: Sequence[str]) -> FloatArray:
    """Return the lure's log-odds by TF-IDF over character 2- to 5-grams and logistic regression, *shape* ``(n_texts,)``."""
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 5), min_df=2, max_features=200_000, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=500, class_weight="balanced"),
    )
    model.fit([normalise(text).text for text in train["text"]], _lures(train))
    return model.decision_function([normalise(text).text for text in texts])


def frozen_encoder_scores(prepared: Prepared, train: Dataset, test: Dataset) -> FloatArray:
    """Return the lure's log-odds by logistic regression on the untrained encoder's mean states, *shape* ``(n_posts,)``."""
    network = Network(prepared.base, 1, frozen_layers=0).eval()
    model = LogisticRegression(C=10, max_iter=2000, class_weight="balanced")
    model.fit(_states(network, train), _lures(train))
    return model.decision_function(_states(network, test))


def _lures(posts: Dataset) -> NDArray[np.bool_]:
    return np.asarray(posts["allowed"], dtype=bool)[:, 0]


def _states(network: Network, posts: Dataset) -> NDArray[np.float32]:
    """Return the mean state of each post's first window, *shape* ``(n_posts, width)``."""
    means = []
    with torch.inference_mode():
        for windows in posts["windows"]:
            ids = torch.tensor(windows[0])[None]
            means.append(network.encoder(input_ids=ids).last_hidden_state[0].mean(0).numpy())
    return np.stack(means)
