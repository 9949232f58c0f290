"""The paper's tables and figures as studies, and three that go beyond it; each module is one of them."""
